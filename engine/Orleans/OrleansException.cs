namespace Orleans.Runtime;

public class OrleansException : Exception
{
    public OrleansException() : base("Unexpected error.") { }

    public OrleansException(string message) : base(message) { }

    public OrleansException(string message, Exception innerException) : base(message, innerException) { }
}

/// <summary>A call was not run: the engine has stopped.</summary>
public sealed class SiloUnavailableException(string message) : OrleansException(message);

/// <summary>A call went to an observer whose reference was deleted.</summary>
public sealed class ClientNotAvailableException(string message) : OrleansException(message);

/// <summary>The grain classes, contracts or options are such that the engine refuses to start.</summary>
public sealed class OrleansConfigurationException(string message) : OrleansException(message);
