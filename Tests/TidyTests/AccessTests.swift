import Testing

/// Every access to a window of the cluster passes one point of the fabric (`Endpoint.reach`), where counts, observers and faults hang.
@Suite("One way to memory")
struct AccessTests {
    /// A body that reaches a window: what it calls, and whether the point is passed in it.
    struct Body {
        var place: String
        var text: String
    }

    /// Functions, initialisers and subscripts of a file, by indentation.
    static func bodies(of file: SourceTree.File) -> [Body] {
        var bodies: [Body] = []
        var open: (indent: Int, body: Body)?
        for (number, text) in file.code {
            let indent = text.prefix { $0 == " " }.count
            if open == nil, text.contains(/\b(func|init|subscript)\b.*\(/) {
                open = (indent, Body(place: "\(file.path):\(number)", text: ""))
            }
            if var now = open {
                now.body.text += text + "\n"
                open = now
                let isWhole = text.contains(/\{.*\}\s*$/) && indent == now.indent
                if isWhole || text.hasPrefix(String(repeating: " ", count: now.indent) + "}") {
                    bodies.append(now.body)
                    open = nil
                }
            }
        }
        return bodies
    }

    /// Operations on windows below the point.
    static func isBelow(_ text: String) -> Bool {
        text.contains(
            /\bshared\s*\.\s*(put|get|copy|signal|atomic64|atomic32|address|putStrided|getStrided|word)\b|\bdistant\(\)|\btransport\.(put|get|signal|atomic)/
                // Else `endpoint.shared` is one word, as full stops between letters are to Unicode.
                .wordBoundaryKind(.simple)
        )
    }

    @Test("What is below the point is called only where an access has passed it")
    func belowThePoint() {
        let fabric = SourceTree.swift.filter {
            // The switch carries out what has passed the point of a die on another host; a transport is what lies below.
            $0.target == "Fabric" && !$0.path.contains("/Links/") && !$0.path.contains("/Transports/")
        }
        var broken: [String] = []
        var found = 0
        for file in fabric {
            for body in Self.bodies(of: file) where Self.isBelow(body.text) {
                found += 1
                let isPoint = body.text.contains(/\breach(Word)?\(/)
                // `bareAddress` is for baselines; `distant` finds the transport; both are looked at below.
                if !isPoint, !body.text.contains(/func (bareAddress|bareWord|distant|storeFar|loadFar|putFar|getFar)\b/)
                {
                    broken.append(body.place)
                }
            }
        }
        #expect(broken == [])
        #expect(found > 15, "the rule finds what it is about")
    }

    @Test("Only baselines go past the point, and only the owners of windows take their addresses")
    func past() {
        var broken: [String] = []
        for file in SourceTree.swift where file.target != "SharedMemory" {
            let isBaseline = file.target == "Baselines"
            for (number, text) in file.code {
                if text.contains(/\bbare(Address|Word)\(/.wordBoundaryKind(.simple)), !isBaseline,
                    file.name != "Endpoint+Access.swift"
                {
                    broken.append("\(file.path):\(number)")
                }
                if text.contains(/\.window\(of:/),
                    !["Endpoint.swift", "DescriptorRing.swift", "ZeroMQTransport.swift", "SharedMemoryTransport.swift"]
                        .contains(file.name)
                {
                    broken.append("\(file.path):\(number)")
                }
            }
        }
        #expect(broken == [])
    }

    @Test(
        "The rule sees an access that goes past the point",
        arguments: [
            "shared.put(bytes)", "try distant().get(a)", "endpoint.shared.atomic64(.add)",
            "try team.endpoint.distant().put(a)",
        ])
    func refused(call: String) {
        let lines = ["extension Endpoint {", "    func sneak() throws {", "        \(call)", "    }", "}"]
        let file = SourceTree.File(path: "Sources/Fabric/X.swift", target: "Fabric", lines: lines.map { $0[...] })
        #expect(Self.bodies(of: file).contains { Self.isBelow($0.text) && !$0.text.contains("reach(") })
    }

    @Test("The epoch is nowhere a number written out")
    func epochs() {
        var broken: [String] = []
        for file in SourceTree.swift where ["Fabric", "SharedMemory", "Collectives", "Experts"].contains(file.target) {
            for (number, text) in file.code
            where text.contains(/[eE]poch\w*(\.load\w+\(\))?\s*(==|!=|>|<|>=)\s*\d/) {
                broken.append("\(file.path):\(number)")
            }
        }
        #expect(broken == [])
    }
}
