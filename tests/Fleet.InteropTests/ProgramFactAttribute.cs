namespace Fleet.InteropTests;

/// <summary>A test that needs a program of somebody else's; without it the test is skipped and says what is missing.</summary>
public sealed class ProgramFactAttribute : FactAttribute
{
    public ProgramFactAttribute(string program, string package) => Skip = Strangers.Missing(program, package);
}

/// <summary>The same with cases.</summary>
public sealed class ProgramTheoryAttribute : TheoryAttribute
{
    public ProgramTheoryAttribute(string program, string package) => Skip = Strangers.Missing(program, package);
}
