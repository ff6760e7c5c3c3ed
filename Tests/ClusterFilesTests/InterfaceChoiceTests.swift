import ClusterFiles
import Testing

@Suite("HCCL_SOCKET_IFNAME")
struct InterfaceChoiceTests {
    static let interfaces = [
        (name: "lo", address: "127.0.0.1"), (name: "eth0", address: "10.0.0.1"), (name: "eth01", address: "10.0.0.2"),
        (name: "bond4", address: "10.0.0.3"),
    ]

    @Test(
        "A name is a beginning, after = it is the whole, after ^ it is what is not meant; the first that fits is taken",
        arguments: [
            ("eth", "10.0.0.1"), ("eth01", "10.0.0.2"), ("=eth0", "10.0.0.1"), ("=eth01", "10.0.0.2"), ("=eth", nil),
            ("bond,eth", "10.0.0.3"), ("none,eth01", "10.0.0.2"), ("=bond4,eth01", "10.0.0.3"),
            ("=x,=eth01", "10.0.0.2"),
            ("^eth", "10.0.0.3"), ("^=eth0", "10.0.0.2"), ("^eth,bond", nil), ("^=eth0,eth01", "10.0.0.3"),
            ("lo", "127.0.0.1"), ("wlan", nil),
        ] as [(String, String?)])
    func choice(text: String, address: String?) throws {
        #expect(try #require(InterfaceChoice(text)).address(among: Self.interfaces) == address)
    }

    @Test("What names no interface is refused", arguments: ["", "^", "=", "^=", ",", "=,="])
    func nothing(text: String) {
        #expect(InterfaceChoice(text) == nil)
    }
}
