namespace Fleet.Silo;

/// <summary>
/// Fleet cannot start, and the reason is one that its operator can mend: the message is one line for people, without a stack trace.
/// </summary>
internal sealed class StartupException(string message, Exception? inner = null) : Exception(message, inner);
