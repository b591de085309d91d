namespace Diffusion.Cli.Display;

/// <summary>Descriptions of verbs with examples under them, as --help shows them.</summary>
internal static class HelpText
{
    /// <summary>Adds examples, and what there is to say about them.</summary>
    /// <param name="description">What the verb does.</param>
    /// <param name="examples">A command each, without the program's name.</param>
    /// <param name="remark">After the examples; empty for nothing.</param>
    public static string With(string description, IEnumerable<string> examples, string remark = "") =>
        string.Join(Environment.NewLine, [description, "", "Examples:", .. examples.Select(e => $"  {Program.Shown} {e}"), .. remark.Length > 0 ? new[] { "", remark } : []]);
}
