import Launching
import Testing

@Suite("What a coordinator publishes")
struct WithdrawalTests {
    @Test(
        "A withdrawal is read again as its first line, and is no invitation", arguments: ["", "no such file", "a\nb"])
    func round(reason: String) throws {
        let bytes = Withdrawal(reason: reason).encoded
        #expect(Withdrawal(decoding: bytes)?.reason == reason.split(separator: "\n").first.map(String.init) ?? "")
        #expect(Invitation(decoding: bytes) == nil)
        #expect(Withdrawal(decoding: try Invitation(address: "tcp://h:1").encoded()) == nil)
    }

    @Test("A long reason is cut, and what is too long is not read")
    func limits() {
        let bytes = Withdrawal(reason: String(repeating: "x", count: 5000)).encoded
        #expect(Withdrawal(decoding: bytes)?.reason.count == 1024)
        #expect(Withdrawal(decoding: bytes + Array(repeating: 120, count: 1 << 13)) == nil)
        #expect(Withdrawal(decoding: Array(bytes.prefix(5))) == nil)
    }
}
