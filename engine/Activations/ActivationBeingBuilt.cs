using Orleans.Runtime;

namespace Fleet.Engine.Activations;

/// <summary>Hands an activation to the constructor of its grain, which has no parameter for it.</summary>
internal static class ActivationBeingBuilt
{
    [ThreadStatic] private static IGrainContext? _current;

    public static IGrainContext? Current { get => _current; set => _current = value; }
}
