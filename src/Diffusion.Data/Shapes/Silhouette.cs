namespace Diffusion.Data;

/// <summary>Outlines of the toy classes: whether a point of the plane lies inside. The shape fills the unit disc about the origin; y points down.</summary>
internal static class Silhouette
{
    /// <summary>Classes in alphabetical order, which is the order of their labels.</summary>
    public static readonly (string Name, Func<double, double, bool> Contains, double LargestTilt)[] All =
    [
        ("circle", Circle, 0),
        ("cross", Cross, 0.20),
        ("diamond", Diamond, 0.10),
        ("heart", Heart, 0.25),
        ("moon", Moon, 0.45),
        ("ring", Ring, 0),
        ("square", Square, 0.12),
        ("star", Star, 0.30),
        ("stripes", Stripes, 0.25),
        ("triangle", Triangle, 0.20),
    ];

    private static bool Circle(double x, double y) => (x * x) + (y * y) <= 0.86;

    private static bool Cross(double x, double y)
    {
        double ax = Math.Abs(x);
        double ay = Math.Abs(y);
        return Math.Max(ax, ay) <= 0.97 && Math.Min(ax, ay) <= 0.30;
    }

    private static bool Diamond(double x, double y) => (Math.Abs(x) / 0.72) + Math.Abs(y) <= 1;

    // Two discs over a wedge; more of it survives 16 pixels than of the usual sextic.
    private static bool Heart(double x, double y)
    {
        double ax = Math.Abs(x);
        bool lobe = Square(ax - 0.44) + Square(y + 0.30) <= Square(0.50);
        bool wedge = y >= -0.30 && y <= 0.95 && ax <= 0.90 * (0.95 - y) / 1.18 && ax <= 0.94;
        return lobe || wedge;
    }

    private static bool Moon(double x, double y) => (x * x) + (y * y) <= 0.95 && Square(x - 0.50) + (y * y) > Square(0.80);

    private static bool Ring(double x, double y)
    {
        double squared = (x * x) + (y * y);
        return squared <= 0.95 && squared >= Square(0.56);
    }

    private static bool Square(double x, double y) => Math.Max(Math.Abs(x), Math.Abs(y)) <= 0.76;

    private static bool Star(double x, double y)
    {
        double radius = Math.Sqrt((x * x) + (y * y));
        const double Sector = 2 * Math.PI / 5;
        double angle = Math.Atan2(x, -y);
        angle = Math.Abs(angle - (Sector * Math.Round(angle / Sector)));

        // The edge from the tip (radius 1.08 at angle 0) to the notch (0.44 at half a sector).
        const double Tip = 1.08;
        const double Notch = 0.44;
        double tx = Notch * Math.Cos(Sector / 2);
        double ty = Notch * Math.Sin(Sector / 2);
        double px = radius * Math.Cos(angle);
        double py = radius * Math.Sin(angle);
        return ((tx - Tip) * py) - (ty * (px - Tip)) >= 0;
    }

    private static bool Stripes(double x, double y) => Math.Abs(x) <= 0.95 && (Math.Abs(y) <= 0.20 || (Math.Abs(y) >= 0.56 && Math.Abs(y) <= 0.96));

    private static bool Triangle(double x, double y) => y <= 0.76 && y >= -0.95 && Math.Abs(x) <= 0.98 * (y + 0.95) / 1.71;

    private static double Square(double value) => value * value;
}
