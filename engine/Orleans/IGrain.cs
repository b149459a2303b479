using Orleans.Runtime;

namespace Orleans
{
    /// <summary>Marks an interface that a grain answers to.</summary>
    public interface IGrain : IAddressable;

    /// <summary>A grain whose key is a string.</summary>
    public interface IGrainWithStringKey : IGrain;

    /// <summary>Marks an interface through which grains call back. Methods that return void are one-way.</summary>
    public interface IGrainObserver : IAddressable;
}

namespace Orleans.Runtime
{
    /// <summary>Anything that can be called through a reference.</summary>
    public interface IAddressable;
}
