namespace Fleet.Gateway.Auth;

/// <summary>
/// Whether an address may take one more of something. While there is plenty, it may take what it likes: a whole site can stand behind one.
/// When it runs short, an address that has more than an even share waits for the others; the last tenth is for those that have less than
/// that, so that nobody takes all of it.
/// </summary>
internal static class FairShare
{
    private const double Plenty = 0.5, Reserve = 0.1;

    /// <param name="own">What the address has.</param>
    /// <param name="addresses">How many addresses have some.</param>
    /// <param name="all">What they have together.</param>
    /// <param name="left">What will be left when this one is let in, 0 to 1.</param>
    public static bool Allows(int own, int addresses, int all, double left)
    {
        if (left >= Plenty || own == 0) return true;
        long even = (long)own * addresses;
        return left < Reserve ? even < all : even <= all;
    }
}
