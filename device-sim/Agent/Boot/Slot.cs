using System.Text.Json.Serialization;

namespace Fleet.DeviceSim.Agent.Boot;

/// <summary>One half of the A/B pair.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Slot>))]
internal enum Slot { A, B }

internal static class SlotExtensions
{
    public static Slot Other(this Slot slot) => slot == Slot.A ? Slot.B : Slot.A;

    /// <summary>As folder and shadow name it: "a" or "b".</summary>
    public static string Letter(this Slot slot) => slot == Slot.A ? "a" : "b";
}
