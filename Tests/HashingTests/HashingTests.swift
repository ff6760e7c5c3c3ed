import Hashing
import Testing

@Suite("Digests and generators")
struct HashingTests {
    @Test(
        "FNV-1a gives what its authors publish",
        arguments: [
            ("", 0xCBF2_9CE4_8422_2325), ("a", 0xAF63_DC4C_8601_EC8C), ("foobar", 0x8594_4171_F739_67E8),
        ] as [(String, UInt64)])
    func published(text: String, digest: UInt64) { #expect(FNV1a(text.utf8).value == digest) }

    @Test("A word counts as its eight bytes, lowest first; a whole one does not")
    func words() {
        var (one, other, whole) = (FNV1a(), FNV1a(), FNV1a())
        one.add(0x0807_0605_0403_0201 as UInt64)
        other.add([1, 2, 3, 4, 5, 6, 7, 8])
        whole.add(whole: 0x0807_0605_0403_0201 as UInt64)
        #expect(one == other && one != whole)
    }

    @Test("SplitMix64 gives the numbers of the public implementation")
    func generator() {
        // Seed 1234567, as rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64 lists them.
        var generator = SplitMix64(seed: 1_234_567)
        let numbers = (0..<5).map { _ in generator.next() }
        #expect(
            numbers == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }

    @Test("Streams of neighbours have no number in common")
    func streams() {
        var seen: Set<UInt64> = []
        for seed in 0..<8 as Range<UInt64> {
            for stream in 0..<8 as Range<UInt64> {
                var generator = SplitMix64(seed: seed, [stream])
                for _ in 0..<100 { #expect(seen.insert(generator.next()).inserted) }
            }
        }
    }
}
