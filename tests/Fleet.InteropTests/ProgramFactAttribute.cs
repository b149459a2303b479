namespace Fleet.InteropTests;

/// <summary>A test that needs a program of somebody else's; without it the test is skipped and says what is missing.</summary>
public sealed class ProgramFactAttribute : FactAttribute
{
    public ProgramFactAttribute(string program, string package)
    {
        bool there = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Any(folder => File.Exists(Path.Combine(folder, program)));
        if (!there) Skip = $"{program} is not installed (Debian package {package}).";
    }
}
