using System.Reflection;
using Orleans;
using Orleans.Runtime;

namespace Fleet.UnitTests.Architecture;

/// <summary>
/// Finds contracts that a cluster could not serve, or that would behave differently there: [Immutable] messages are passed by reference within a
/// process, so one that could change would be shared where a message between processes is a copy.
/// </summary>
internal sealed class ContractCheck
{
    private readonly List<string> _problems = [];
    private readonly MessageCheck _messages;
    private readonly Dictionary<string, Type> _aliases = new(StringComparer.Ordinal);

    private ContractCheck() => _messages = new(_problems.Add);

    public static IReadOnlyList<string> Problems(IEnumerable<Type> contracts)
    {
        var check = new ContractCheck();
        foreach (var contract in contracts) check.Interface(contract);
        foreach (var type in check._messages.Seen) check.Alias(type);
        return check._problems;
    }

    private void Interface(Type contract)
    {
        Alias(contract);
        if (contract.IsAssignableTo(typeof(IGrain)) && !contract.IsAssignableTo(typeof(IGrainWithStringKey)) && contract != typeof(IRemindable))
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
            else if (parameter.ParameterType != typeof(CancellationToken)) _messages.Value(parameter.ParameterType, $"{where}, parameter {parameter.Name}");
        }
        Returns(method, where);
    }

    private void Returns(MethodInfo method, string where)
    {
        var type = method.ReturnType;
        if (type == typeof(Task) || type == typeof(ValueTask)) return;
        if (type == typeof(void) && method.DeclaringType!.IsAssignableTo(typeof(IGrainObserver))) return;
        if (type.IsGenericType && (type.GetGenericTypeDefinition() == typeof(Task<>) || type.GetGenericTypeDefinition() == typeof(ValueTask<>)))
            _messages.Value(type.GetGenericArguments()[0], $"{where}, result");
        else _problems.Add($"{where}: returns {type}; a method returns Task, Task<T>, ValueTask or ValueTask<T>, and one of an observer also void.");
    }

    private void Alias(Type type)
    {
        var named = type.IsGenericType ? type.GetGenericTypeDefinition() : type;
        foreach (var alias in named.GetCustomAttributes<AliasAttribute>(inherit: false))
        {
            if (!_aliases.TryAdd(alias.Alias, named) && _aliases[alias.Alias] != named)
                _problems.Add($"{named}: alias \"{alias.Alias}\" is also that of {_aliases[alias.Alias]}.");
        }
    }
}
