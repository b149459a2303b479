using System.Reflection;
using System.Text;
using Fleet.Interfaces.Devices;
using Orleans;

namespace Fleet.UnitTests.Architecture;

/// <summary>[Alias] and [Id] are wire format: add, never renumber. The golden file makes a change show in review.</summary>
public sealed class ContractTests
{
    private const string Golden = "Architecture/contracts.txt";

    [Fact]
    public void Contracts_are_the_ones_that_were_agreed()
    {
        string actual = Describe(typeof(IDeviceGrain).Assembly);
        string expected = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, Golden)).ReplaceLineEndings("\n");
        if (actual == expected) return;
        string written = Path.Combine(Path.GetTempPath(), "fleet-contracts.txt");
        File.WriteAllText(written, actual);
        Assert.Fail($"The contracts changed. If that was meant, and nothing was renumbered, put {written} in the place of tests/Fleet.UnitTests/{Golden}.");
    }

    private static string Describe(Assembly contracts)
    {
        var text = new StringBuilder();
        foreach (var type in contracts.GetTypes().Where(t => t.GetCustomAttribute<AliasAttribute>(inherit: false) is not null)
                     .OrderBy(t => t.GetCustomAttribute<AliasAttribute>(inherit: false)!.Alias, StringComparer.Ordinal))
        {
            text.Append(type.GetCustomAttribute<AliasAttribute>(inherit: false)!.Alias).Append('\n');
            if (type.IsInterface)
            {
                foreach (var method in type.GetMethods().OrderBy(m => m.Name, StringComparer.Ordinal))
                {
                    text.Append("  ").Append(method.Name).Append('(').AppendJoin(", ", method.GetParameters().Select(p => Name(p.ParameterType)))
                        .Append("): ").Append(Name(method.ReturnType)).Append('\n');
                }
            }
            else if (type.IsEnum)
            {
                foreach (string name in Enum.GetNames(type)) text.Append("  ").Append(name).Append(" = ").Append((int)Enum.Parse(type, name)).Append('\n');
            }
            foreach (var (id, member) in type.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
                         .Select(p => (p.GetCustomAttribute<IdAttribute>()?.Id, p)).Where(m => m.Id is not null).OrderBy(m => m.Id))
            {
                text.Append("  ").Append(id).Append(' ').Append(member.Name).Append(": ").Append(Name(member.PropertyType)).Append('\n');
            }
        }
        return text.ToString();
    }

    private static string Name(Type type) => type.IsGenericType
        ? $"{type.Name[..type.Name.IndexOf('`')]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>"
        : type.Name;
}
