namespace Diffusion.Data;

/// <summary>Paints one toy image: a bright shape over a dark ground or the reverse, with place, size, tilt, colours and texture drawn at random.</summary>
internal sealed class ShapePainter(LegacyRandom random, int resolution)
{
    // Subsamples per pixel and axis: 25 levels of coverage are enough at 8 bits of contrast.
    private const int Subsamples = 5;
    public byte[] Paint(int label)
    {
        (_, Func<double, double, bool> contains, double largestTilt) = Silhouette.All[label];
        bool brightShape = Uniform(0, 1) < 0.75;
        double hue = Uniform(0, 1);
        double[] shapeColour = Colour(hue, Uniform(0.65, 1), brightShape ? Uniform(0.85, 1) : Uniform(0.15, 0.38));
        double[] groundColour = Colour(hue + Uniform(0.3, 0.7), Uniform(0.15, 0.5), brightShape ? Uniform(0.12, 0.36) : Uniform(0.80, 0.97));
        double[] ground = Texture();

        double radius = resolution * Uniform(0.36, 0.47);
        double slack = (resolution / 2.0) - radius;
        double centreX = (resolution / 2.0) + Uniform(-slack, slack);
        double centreY = (resolution / 2.0) + Uniform(-slack, slack);
        double tilt = Uniform(-largestTilt, largestTilt);
        double shade = Uniform(-0.12, 0.12);

        int plane = resolution * resolution;
        byte[] pixels = new byte[3 * plane];
        for (int i = 0; i < plane; i++)
        {
            (int y, int x) = Math.DivRem(i, resolution);
            double coverage = Coverage(contains, x - centreX, y - centreY, radius, tilt);
            double light = 1 + (shade * ((y - centreY) / radius));
            for (int channel = 0; channel < 3; channel++)
            {
                double behind = groundColour[channel] + ground[i];
                double value = behind + (coverage * ((shapeColour[channel] * light) - behind));
                pixels[(channel * plane) + i] = (byte)Math.Clamp((value * 255) + 0.5, 0, 255);
            }
        }

        return pixels;
    }

    private static double Coverage(Func<double, double, bool> contains, double left, double top, double radius, double tilt)
    {
        (double sin, double cos) = Math.SinCos(-tilt);
        int inside = 0;
        for (int i = 0; i < Subsamples * Subsamples; i++)
        {
            double x = (left + (((i % Subsamples) + 0.5) / Subsamples)) / radius;
            double y = (top + (((i / Subsamples) + 0.5) / Subsamples)) / radius;
            inside += contains((cos * x) - (sin * y), (sin * x) + (cos * y)) ? 1 : 0;
        }

        return inside / (double)(Subsamples * Subsamples);
    }

    /// <summary>A slope plus smooth noise of a few waves plus a little grain, as brightness to add.</summary>
    private double[] Texture()
    {
        double slopeX = Uniform(-0.08, 0.08);
        double slopeY = Uniform(-0.08, 0.08);
        (double Fx, double Fy, double Phase, double Height)[] waves = new (double, double, double, double)[3];
        for (int i = 0; i < waves.Length; i++)
        {
            waves[i] = (Uniform(-2.5, 2.5), Uniform(-2.5, 2.5), Uniform(0, 1), Uniform(0.01, 0.04));
        }

        double[] texture = new double[resolution * resolution];
        for (int i = 0; i < texture.Length; i++)
        {
            double x = ((i % resolution) + 0.5) / resolution;
            double y = (((int)(i / resolution)) + 0.5) / resolution;
            double value = (slopeX * ((2 * x) - 1)) + (slopeY * ((2 * y) - 1)) + Uniform(-0.015, 0.015);
            foreach ((double fx, double fy, double phase, double height) in waves)
            {
                value += height * Math.Sin(2 * Math.PI * ((fx * x) + (fy * y) + phase));
            }

            texture[i] = value;
        }

        return texture;
    }

    private double Uniform(double low, double high) => low + ((high - low) * random.NextDouble());

    /// <summary>Hue (a turn is 1), saturation and value as RGB.</summary>
    private static double[] Colour(double hue, double saturation, double value)
    {
        double Channel(double n)
        {
            double k = (n + (6 * (hue - Math.Floor(hue)))) % 6;
            return value * (1 - (saturation * Math.Max(0, Math.Min(1, Math.Min(k, 4 - k)))));
        }

        return [Channel(5), Channel(3), Channel(1)];
    }
}
