namespace Fleet.DeviceSim.Commands;

internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>What <c>--until</c> asks for was not reached, or a device stopped on an error of its own.</summary>
    public const int NotReached = 1;

    /// <summary>A file, a host or an argument is not what it should be; nothing was run.</summary>
    public const int Usage = 2;
}
