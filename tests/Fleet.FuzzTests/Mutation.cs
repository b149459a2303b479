namespace Fleet.FuzzTests;

/// <summary>Turns good bytes into bad ones, as a broken radio or a clever attacker would.</summary>
internal static class Mutation
{
    public static byte[] Of(byte[] packet, Dice dice)
    {
        List<byte> bytes = [.. packet];
        for (int i = dice.Of(1, 1, 1, 2, 5); i > 0 && bytes.Count > 0; i--)
        {
            int at = dice.Rarely(50) ? dice.Below(Math.Min(bytes.Count, 12)) : dice.Below(bytes.Count);
            switch (dice.Below(9))
            {
                case 0: bytes[at] ^= (byte)(1 << dice.Below(8)); break;
                case 1: bytes[at] = dice.Of<byte>(0x00, 0x01, 0x7F, 0x80, 0xFF, 0x23, 0x2B); break;
                case 2: bytes.RemoveRange(at, dice.Below(bytes.Count - at) + 1); break;
                case 3: bytes.RemoveAt(at); break;
                case 4: bytes.Insert(at, (byte)dice.Below(256)); break;
                case 5: bytes.InsertRange(at, bytes.GetRange(at, Math.Min(8, bytes.Count - at))); break;
                case 6: bytes.InsertRange(at, dice.Of<byte[]>([0xFF, 0xFF, 0xFF, 0x7F], [0x80, 0x80, 0x80, 0x80, 0x01], [0xED, 0xA0, 0x80], [0x00, 0x00], [0xC0, 0x80])); break;
                case 7: bytes.AddRange(dice.Bytes(dice.Below(10))); break;
                default: bytes.Reverse(at, Math.Min(4, bytes.Count - at)); break;
            }
        }
        return [.. bytes];
    }
}
