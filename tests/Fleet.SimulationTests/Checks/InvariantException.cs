namespace Fleet.SimulationTests.Checks;

/// <summary>Something happened that must not.</summary>
internal sealed class InvariantException(string message) : Exception(message);
