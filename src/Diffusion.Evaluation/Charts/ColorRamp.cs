namespace Diffusion.Evaluation.Charts;

/// <summary>Colours for 0...1 from dark blue over green to yellow: rising evenly in lightness, so that it reads in grey and with colour-deficient sight.</summary>
internal static class ColorRamp
{
    private static readonly Ink[] Stops =
    [
        new(68, 1, 84), new(71, 45, 123), new(59, 82, 139), new(44, 114, 142), new(33, 145, 140), new(40, 174, 128), new(94, 201, 98), new(173, 220, 48), new(253, 231, 37),
    ];

    public static Ink At(double share)
    {
        double place = Math.Clamp(share, 0, 1) * (Stops.Length - 1);
        int lower = Math.Min((int)place, Stops.Length - 2);
        double t = place - lower;
        return new Ink(Mix(Stops[lower].Red, Stops[lower + 1].Red, t), Mix(Stops[lower].Green, Stops[lower + 1].Green, t), Mix(Stops[lower].Blue, Stops[lower + 1].Blue, t));
    }

    /// <summary>Ink that can be read on a colour (its luma against half).</summary>
    public static Ink On(Ink colour) => (0.299 * colour.Red) + (0.587 * colour.Green) + (0.114 * colour.Blue) > 140 ? Ink.Black : Ink.White;

    private static byte Mix(byte a, byte b, double t) => (byte)Math.Round(a + ((b - a) * t));
}
