namespace Fleet.DeviceSim.Agent.Wire;

/// <summary>
/// The service refused, or answered what a device cannot use. The device tries again later; the message is for its owner.
/// </summary>
internal sealed class WireException(string message, Exception? inner = null) : Exception(message, inner);
