namespace Diffusion.Evaluation.Charts;

/// <summary>A point of a curve: another shape for each, so that curves are told apart without colour, too.</summary>
internal static class ChartMarker
{
    public static void Draw(Canvas canvas, int series, double x, double y, double radius)
    {
        double r = radius * 1.15;
        switch (series % 5)
        {
            case 1:
                canvas.FillRectangle(x - (r * 0.9), y - (r * 0.9), r * 1.8, r * 1.8);
                break;
            case 2:
                canvas.Fill((x, y - (r * 1.3)), (x + (r * 1.2), y + r), (x - (r * 1.2), y + r));
                break;
            case 3:
                canvas.Fill((x, y - (r * 1.4)), (x + (r * 1.4), y), (x, y + (r * 1.4)), (x - (r * 1.4), y));
                break;
            case 4:
                canvas.Fill((x, y + (r * 1.3)), (x + (r * 1.2), y - r), (x - (r * 1.2), y - r));
                break;
            default:
                canvas.Disc(x, y, radius);
                break;
        }
    }
}
