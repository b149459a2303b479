namespace Fleet.FuzzTests;

/// <summary>The channel did what it must not; the message says what, and the seed that shows it again.</summary>
internal sealed class FuzzFailedException(string message, Exception? inner = null) : Exception(message, inner);
