using System.Reflection;
using Orleans;
using Orleans.Runtime;

namespace Fleet.UnitTests.Architecture;

/// <summary>
/// Finds contracts that a cluster could not serve, or that would behave differently there: [Immutable] messages are passed by reference
/// within a process, so one that could change would be shared where a message between processes is a copy.
/// </summary>
internal sealed class ContractCheck
{
    private readonly List<string> _problems = [];
    private readonly MessageCheck _messages;

    private ContractCheck() => _messages = new(_problems.Add);

    public static IReadOnlyList<string> Problems(IEnumerable<Type> contracts)
    {
        var check = new ContractCheck();
        foreach (var contract in contracts) check.Interface(contract);
        return check._problems;
    }

    private void Interface(Type contract)
    {
        if (contract.IsAssignableTo(typeof(IGrain)) && !contract.IsAssignableTo(typeof(IGrainWithStringKey)))
            _problems.Add($"{contract}: a grain interface extends {nameof(IGrainWithStringKey)}.");
        foreach (var method in MethodsOf(contract).Where(method => method.DeclaringType!.Assembly == contract.Assembly)) Method(method);
    }

    private static IEnumerable<MethodInfo> MethodsOf(Type contract) =>
        contract.GetInterfaces().Prepend(contract).SelectMany(type => type.GetMethods());

    private void Method(MethodInfo method)
    {
        string where = $"{method.DeclaringType!.Name}.{method.Name}";
        if (method.IsGenericMethodDefinition || method.IsSpecialName || method.IsStatic)
        {
            _problems.Add($"{where}: a contract has plain methods only, no properties, events, statics or type parameters.");
            return;
        }
        foreach (var parameter in method.GetParameters())
        {
            if (parameter.ParameterType.IsByRef) _problems.Add($"{where}: parameter {parameter.Name} is by reference.");
            else if (parameter.ParameterType != typeof(CancellationToken))
                _messages.Value(parameter.ParameterType, $"{where}, parameter {parameter.Name}");
        }
        Returns(method, where);
    }

    private void Returns(MethodInfo method, string where)
    {
        var type = method.ReturnType;
        if (type == typeof(Task) || type == typeof(ValueTask)) return;
        if (type == typeof(void) && method.DeclaringType!.IsAssignableTo(typeof(IGrainObserver))) return;
        var open = type.IsGenericType ? type.GetGenericTypeDefinition() : null;
        if (open == typeof(Task<>) || open == typeof(ValueTask<>))
            _messages.Value(type.GetGenericArguments()[0], $"{where}, result");
        else
            _problems.Add($"{where}: returns {type}; a method returns Task, Task<T>, ValueTask or ValueTask<T>, an observer's also void.");
    }
}
