import Messaging
import TestKit
import Testing

extension RealClusters {
    /// Starts over several hosts that cannot be: ended by the start's deadline, with the reason, and nothing left.
    @Suite("Refused starts over hosts")
    struct HostRefusalTests {
        /// What the far host's shell does, and what must be told of it.
        struct Case: CustomTestStringConvertible, Sendable {
            var what: String
            var far: String
            var code: Int32
            /// Each in some line.
            var texts: [String]
            var testDescription: String { what }
        }

        static let gave = "exec sh -c \"$2\""
        static let notCome = "far: its agent has not come"

        static let shells: [Case] = [
            Case(
                what: "a remote shell that cannot reach the host", far: "echo no route >&2; exit 255", code: 75,
                texts: ["no route", "the agent of host far ended with code 255: the remote shell could not reach"]),
            Case(
                what: "a remote shell that hangs", far: "exec tail -f /dev/null", code: 75,
                texts: [notCome, "host near: refused: not all hosts were ready within"]),
            Case(
                what: "a remote shell that hangs in a program it has started", far: "tail -f /dev/null & wait",
                code: 75,
                texts: [notCome, "host near: refused: not all hosts were ready within"]),
            Case(
                what: "a remote shell that prints nonsense and ends", far: "echo 'Password: \u{1B}[0m{}'; exit 3",
                code: 75, texts: ["the agent of host far ended with code 3"]),
            Case(
                what: "a program that is not there", far: "exec sh -c /nowhere/softpod", code: 75,
                texts: ["the agent of host far ended with code 127: softpod is not where it was looked for"]),
            Case(
                what: "an agent that dies at once", far: "kill -9 $$", code: 75,
                texts: ["the agent of host far was killed by signal 9 (SIGKILL)"]),
            Case(
                what: "an invitation that is none", far: "echo nonsense | sh -c \"$2\"; exit $?", code: 75,
                texts: ["reads an invitation from standard input", "the agent of host far ended with code 64"]),
            Case(
                what: "a wrong port", far: "sed -u 's/\\(127[0-9.]*\\):[0-9]*/\\1:1/' | sh -c \"$2\"", code: 75,
                texts: [
                    notCome, "host far: the coordinator gave up; it was not reached at tcp://127.0.0.1:1",
                ]),
            Case(
                what: "no key", far: "sed -u 's/\"serverKey\":\"[^\"]*\",*//;s/,}/}/' | sh -c \"$2\"", code: 75,
                texts: ["at the rendezvous: somebody came", "do not agree on using keys", "host near: refused: "]),
        ]

        @Test("What a remote shell may do wrong", arguments: shells)
        func shell(_ example: Case) throws {
            try check(FarHost(far: example.far), example)
        }

        private func check(_ far: FarHost, _ example: Case) throws {
            let cluster = try ClusterUnderTest(["run", "--start-deadline", "4"] + far.flags + ["smoke"])
            let end = try cluster.end()
            for text in example.texts {
                #expect(end.messages.contains { $0.contains(text) }, "\(text): \(end.messages)")
            }
            #expect(end.code == example.code, "\(end.messages)")
            #expect(end.output == "")
            expectNothingLeft(end)
        }

        @Test("A remote shell that floods is bounded, dropped, and told of; the run is not held up by it")
        func flood() throws {
            // Lines, and one that never ends, on both outputs, as long as they are read.
            let far = try FarHost(
                far: """
                    echo before; (yes 'a line of noise' >&2 &); (head -c 300000000 /dev/zero &); echo after; exec sh -c "$2"
                    """)
            let cluster = try ClusterUnderTest(["run", "--start-deadline", "60"] + far.flags + ["smoke"])
            let end = try cluster.end()
            #expect(end.code == 0, "\(end.messages.suffix(3))")
            let bytes = end.messages.reduce(0) { $0 + $1.utf8.count + 1 }
            #expect(bytes > 1 << 20 && bytes < (1 << 20) + (64 << 10), "\(bytes) bytes")
            #expect(
                end.messages.contains {
                    $0.hasPrefix("softpod: host far: its remote shell printed more than 1 MiB; ")
                        && $0.hasSuffix(" bytes were dropped")
                }, "\(end.messages.suffix(3))")
            #expect(end.output.contains("wrong"))
            #expect(end.leftovers == [])
        }

        @Test("What a remote shell says reaches the user line by line, without control characters, as it was said")
        func shellLines() throws {
            let far = try FarHost(
                far: """
                    printf 'one line\\r\\n\\033[31mred\\ttab\\n\\n' >&2; printf 'two halves' >&2; printf ' of a line\\n' >&2; \
                    sh -c "$2"; code=$?; printf 'no end'; exit $code
                    """)
            let end = try ClusterUnderTest(["run"] + far.flags + ["smoke"]).end()
            #expect(end.messages == ["one line", "?[31mred\ttab", "two halves of a line", "no end"])
            #expect(end.code == 0)
            expectNothingLeft(end)
        }

        @Test("A meeting place that does not exist is named, with the status of unknown hosts")
        func unknownHost() throws {
            let task = try ClusterUnderTest(
                ["run", "--plain", "smoke"],
                setup: "export RANK=0 WORLD_SIZE=2 MASTER_ADDR=no-such-host.invalid MASTER_PORT=1"
            ).end()
            #expect(task.messages.contains { $0.contains("no-such-host.invalid: ") }, "\(task.messages)")
            #expect(task.code == 68)
            expectNothingLeft(task)
        }

        /// A pair of keys that a `sed` command may hold.
        private func plainPair() throws -> KeyPair {
            while true {
                let pair = try KeyPair.generate()
                if !(pair.publicKey + pair.secretKey).contains(where: { "&/\\'".contains($0) }) { return pair }
            }
        }

        @Test("A key that is not on the list is refused, and everybody is told")
        func wrongKey() throws {
            let pair = try plainPair()
            let far = try FarHost(
                far: """
                    sed -u 's/"secretKey":"[^"]*"/"secretKey":"\(pair.secretKey)"/;\
                    s/"publicKey":"[^"]*"/"publicKey":"\(pair.publicKey)"/' | sh -c "$2"
                    """)
            try check(
                far,
                Case(
                    what: "", far: "", code: 75,
                    texts: [
                        "refused at the rendezvous: 127.0.0.1", "is not on the list",
                        "host far: refused: the coordinator at tcp://127.0.0.1:", "does not accept this host's key",
                        "host near: refused: not all hosts were ready", "somebody came whose key is not one of ours",
                    ]))
        }

        @Test("A wrong key for the coordinator is no way in, and everybody is told")
        func wrongServerKey() throws {
            let far = try FarHost(
                far:
                    "sed -u 's/\"serverKey\":\"[^\"]*\"/\"serverKey\":\"\(try plainPair().publicKey)\"/' | sh -c \"$2\""
            )
            try check(
                far,
                Case(
                    what: "", far: "", code: 75,
                    texts: [
                        "at the rendezvous: somebody came who has a wrong key for the coordinator",
                        "host far: the coordinator gave up", "a wrong key for the coordinator, or not a",
                        "host near: refused: not all hosts were ready",
                    ]))
        }

        @Test("A port that is in use is named with its host")
        func portInUse() throws {
            let socket = try Socket(.router, in: MessageContext(), lingerMilliseconds: 0)
            let port = try #require(try socket.bind("tcp://127.0.0.2:*").split(separator: ":").last)
            try check(
                FarHost(port: String(port)),
                Case(
                    what: "", far: "", code: 71,
                    texts: ["host far: bind tcp://127.0.0.2:\(port): Address already in use"]))
        }

        @Test("An address that is not the host's own is named with its host")
        func wrongAddress() throws {
            try check(
                FarHost(address: "198.51.100.7"),
                Case(
                    what: "", far: "", code: 71,
                    texts: ["host far: bind tcp://198.51.100.7:*: Cannot assign requested address"]))
        }

        @Test("A host with too little shared memory takes a memory file, and says so", .namespaces)
        func sharedMemory() throws {
            let far = "exec unshare -m sh -c 'mount -t tmpfs -o size=64k tmpfs /dev/shm && exec sh -c \"$0\"' \"$2\""
            let host = try FarHost(far: far)
            let end = try ClusterUnderTest(["run"] + host.flags + ["smoke"]).end()
            #expect(end.code == 0, "\(end.messages)")
            #expect(end.output.contains("memfd"), "\(end.output)")
            withExtendedLifetime(host) {}
            expectNothingLeft(end)
        }

        @Test("A model of which a file differs on one host is refused before it runs", .namespaces)
        func model() throws {
            let folder = try TestFolder()
            let other = try folder.file("other", "{}")
            let place = ClusterUnderTest.austen + "/config.json"
            let far = try FarHost(
                far: "exec unshare -m sh -c 'mount --bind \(other) \"\(place)\" && exec sh -c \"$0\"' \"$2\"")
            let cluster = try ClusterUnderTest(
                ["generate", "--model", ClusterUnderTest.austen, "--max-tokens", "1", "--json"] + far.flags)
            let end = try cluster.end()
            #expect(end.messages.count == 1, "\(end.messages)")
            #expect(end.messages.first?.contains("host far: \(place) differs: its digest here is") == true)
            #expect(end.code == 76)
            expectNothingLeft(end)
        }

        @Test(
            "A list of hosts that cannot be",
            arguments: [
                (["-H", "localhost:1,localhost:1"], 65, "--hosts:2: the host \"localhost\" is on line 1 already"),
                (["-H", "localhost:0"], 65, "slots must be 1 to 65536, not 0"),
                (["-H", "localhost:1,127.0.0.2:1", "--dies", "4"], 64, "4 dies were asked for, 2 hosts have 2 slots"),
                (["-H", "local host:::"], 65, "--hosts:1: "),
                (["-H", "localhost:1,nosuch.invalid:1"], 68, "nosuch.invalid: "),
                (["-H", "localhost:1", "--hostfile", "x"], 64, "give one of them"),
                (["-H", "localhost:1,elsewhere:1", "--plain"], 64, "nothing leaves it without keys"),
                (["-H", "localhost:1,127.0.0.2:1", "--keys", "/nowhere"], 66, "/nowhere: "),
                (["-H", "localhost:1,127.0.0.2:1", "--keys", "k", "--plain"], 64, "exclude each other"),
                (["--hostfile", "/nowhere"], 66, "/nowhere: cannot be opened"),
                (
                    ["-H", "localhost:1,elsewhere:1", "--remote-shell", "/nowhere/sh", "--address", "127.0.0.1"], 71,
                    "/nowhere/sh"
                ),
            ] as [([String], Int32, String)])
        func lists(flags: [String], code: Int32, text: String) throws {
            let end = try ClusterUnderTest(["run"] + flags + ["smoke"]).end()
            #expect(end.messages.contains { $0.contains(text) }, "\(end.messages)")
            #expect(end.code == code, "\(end.messages)")
            expectNothingLeft(end)
        }

        @Test(
            "A host file that cannot be",
            arguments: [
                ("# nobody\n", "names no host"), ("h slots=abc\n", "slots must be a number"),
                ("h\0\n", "control character"),
                ("h slots=99999999999999999999\n", "slots must be"), ("h:1\nh:1\n", "is on line 1 already"),
            ])
        func files(text: String, rule: String) throws {
            let folder = try TestFolder()
            let file = try folder.file("hosts", text)
            let end = try ClusterUnderTest(["run", "--hostfile", file, "smoke"]).end()
            #expect(end.messages.count == 1, "\(end.messages)")
            #expect(end.messages.first?.contains(rule) == true, "\(end.messages)")
            #expect(end.messages.first?.contains(file) == true, "\(end.messages)")
            #expect(end.code == 65)
            expectNothingLeft(end)
        }
    }
}
