namespace Fleet.DeviceSim.Commands;

/// <summary>Something the user gave cannot be used; the message says what to do about it.</summary>
internal sealed class UsageException(string message) : Exception(message);
