import CLinux
import Foundation
import SharedMemory
import Testing
import Workers

@Suite("PMIx without a server")
struct PMIxTests {
    /// The library of this machine, if it has one.
    static func library() -> OpaquePointer? {
        let named = ProcessInfo.processInfo.environment["SOFTPOD_PMIX_LIBRARY"] ?? "libpmix.so.2"
        var why = [CChar](repeating: 0, count: 256)
        return unsafe softpod_pmix_load(named, &why, why.count)
    }
    struct Vanished: Error {}
    static let hasLibrary: Bool = unsafe library() != nil
    static let absent: Comment = "no libpmix.so.2 here: install libpmix2 to check values against the real library"

    /// Every integer type of the standard, its bytes, and whether it has a sign.
    static let integers: [(type: UInt16, bytes: Int, isSigned: Bool)] = [
        (1, 1, false), (2, 1, false), (4, 8, false), (5, 4, true), (6, 4, true), (7, 1, true), (8, 2, true),
        (9, 4, true),
        (10, 8, true), (11, 4, false), (12, 1, false), (13, 2, false), (14, 4, false), (15, 8, false), (40, 4, false),
    ]

    @Test(
        "A number that the library itself puts into a value is read as it was", .enabled(if: hasLibrary, absent),
        arguments: integers)
    func numbers(type: UInt16, bytes: Int, isSigned: Bool) throws {
        guard let library = unsafe Self.library() else { throw Vanished() }
        let largest = bytes == 8 ? Int64.max : Int64(1) << (bytes * 8 - (isSigned ? 1 : 0)) - 1
        // A boolean is 0 or 1.
        for number in type == 1 ? [0, 1] : [0, 1, 77, largest] {
            var value = softpod_pmix_value()
            var source = number
            let status = unsafe softpod_pmix_own_load(library, &value, &source, type)
            guard status != softpod_pmix_not_found else { return }  // Version 3 has no such call.
            #expect(status == softpod_pmix_success && value.type == type)
            var found: UInt64 = 9
            let isNumber = unsafe softpod_pmix_number(&value, &found)
            #expect(isNumber == 1 && found == UInt64(number), "type \(type)")
        }
        guard isSigned else { return }
        var value = softpod_pmix_value()
        var source = Int64(-3)
        _ = unsafe softpod_pmix_own_load(library, &value, &source, type)
        var found: UInt64 = 0
        let isNumber = unsafe softpod_pmix_number(&value, &found)
        #expect(isNumber == 0, "a negative number of type \(type) is none")
    }

    @Test("A string that the library itself puts into a value is read as it was", .enabled(if: hasLibrary, absent))
    func strings() throws {
        guard let library = unsafe Self.library() else { throw Vanished() }
        for text in ["", "0,1,2", String(repeating: "x", count: 5_000)] {
            var value = softpod_pmix_value()
            let status = unsafe text.withCString {
                unsafe softpod_pmix_own_load(library, &value, $0, UInt16(softpod_pmix_string))
            }
            guard status != softpod_pmix_not_found else { return }  // Version 3 has no such call.
            var count = 0
            let start = unsafe softpod_pmix_bytes(&value, &count)
            let bytes = unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: count))
            #expect(bytes == Array(text.utf8))
            var found: UInt64 = 0
            let isNumber = unsafe softpod_pmix_number(&value, &found)
            #expect(isNumber == 0)
            unsafe free(UnsafeMutableRawPointer(bitPattern: UInt(value.data.0)))
        }
    }

    @Test("A number of ours is what the library takes out of the value", .enabled(if: hasLibrary, absent))
    func unload() throws {
        guard let library = unsafe Self.library() else { throw Vanished() }
        var value = softpod_pmix_value(type: 14, data: (4_000_000_000, 0, 0))
        var number: UInt32 = 0
        var count = 0
        let status = unsafe withUnsafeMutableBytes(of: &number) { bytes in
            // The library fills what it is given; it makes room by itself for texts and bytes only.
            var data = bytes.baseAddress
            return unsafe softpod_pmix_own_unload(library, &value, &data, &count)
        }
        guard status != softpod_pmix_not_found else { return }  // Version 3 has no such call.
        #expect(status == softpod_pmix_success && count == 4 && number == 4_000_000_000)
    }

    @Test(
        "A value of a type that is not read is neither a number nor bytes", arguments: [0, 3, 16, 17, 21, 27, 39, 999])
    func others(type: UInt16) {
        var value = softpod_pmix_value(type: type, data: (0, 0, 0))
        var found: UInt64 = 0
        var count = 9
        let isNumber = unsafe softpod_pmix_number(&value, &found)
        let hasBytes = unsafe softpod_pmix_bytes(&value, &count) != nil
        #expect(isNumber == 0 && !hasBytes && count == 0)
    }

    @Test(
        "A library that is not there, or is another, is a typed error that says what to install",
        arguments: [
            ("/nowhere/libpmix.so.2", "/nowhere"), ("libc.so.6", "has no PMIx_Get_version"), ("/etc/passwd", "passwd"),
        ])
    func missing(path: String, text: String) {
        let environment = ["PMIX_RANK": "0", "PMIX_NAMESPACE": "x", "SOFTPOD_PMIX_LIBRARY": path]
        let error = #expect(throws: PMIxError.self) {
            try PMIxClient.open(environment: environment, deadline: Deadline(after: .seconds(60)))
        }
        #expect(error?.kind == .missingLibrary)
        #expect(error?.description.contains(text) == true && error?.description.contains("libpmix2") == true)
    }

    @Test("A process that no server started has no client")
    func unasked() {
        for environment in [[:], ["PMIX_RANK": "0"], ["PMIX_RANK": "", "PMIX_NAMESPACE": "x"]] {
            let error = #expect(throws: PMIxError.self) {
                try PMIxClient.open(environment: environment, deadline: Deadline(after: .seconds(60)))
            }
            #expect(error?.kind == .noServer)
        }
    }

    @Test("Nodes are ordered by their lowest rank, whatever the server calls them")
    func nodes() {
        var facts = PMIxFacts(namespace: "x", rank: 3, size: 5, nodeOfRank: [9, 2, 9, 0, 2])
        #expect(facts.nodes == [[0, 2], [1, 4], [3]] && facts.tasksOfNode == [3] && facts.lowestRankOfNode == 3)
        facts.rank = 4
        #expect(facts.lowestRankOfNode == 1)
        facts.nodeOfRank = nil
        #expect(facts.nodes == nil && facts.lowestRankOfNode == nil)
        facts.localSize = 5
        #expect(facts.tasksOfNode == [0, 1, 2, 3, 4])
        facts.localPeers = [0, 1, 2, 3, 4]
        #expect(facts.nodes == [[0, 1, 2, 3, 4]])
    }
}
