using Orleans.Runtime;
namespace Fleet.Engine.Calls;
internal abstract class GrainReference
{
    public abstract GrainId GrainId { get; }
    public abstract object Cast(Type type);
    public static object To(IGrainContext context, Type type) => throw new NotSupportedException();
}
