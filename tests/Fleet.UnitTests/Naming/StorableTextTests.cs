using System.Text;
using Fleet.Interfaces.Naming;

namespace Fleet.UnitTests.Naming;

public sealed class StorableTextTests
{
    [Theory]
    [InlineData("""{"a":"\ud83d\ude00 \u00e9 \n"}""", true)]
    [InlineData("""{"a":"\\u0000 \\ud800"}""", true)]
    [InlineData("""{"a":"\u0000"}""", false)]
    [InlineData("""{"a":"\\\u0000"}""", false)]
    [InlineData("""{"a":"\ud800"}""", false)]
    [InlineData("""{"a":"\uD800x\uDC00"}""", false)]
    [InlineData("""{"a":"\ud800\ud800\udc00"}""", false)]
    [InlineData("""{"a":"\ud800\n"}""", false)]
    [InlineData("""{"\udc00":1}""", false)]
    public void Only_Unicode_without_U_0000_is_storable(string json, bool storable) =>
        Assert.Equal(storable, StorableText.IsJson(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void What_is_no_UTF_8_is_not_storable() => Assert.False(StorableText.IsJson([(byte)'"', 0xED, 0xA0, 0x80, (byte)'"']));
}
