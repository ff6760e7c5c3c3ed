internal import Baselines
internal import Fabric

extension LatencyWorkload {
    /// Stores, loads, atomics and signals of eight bytes from rank 0 to its neighbour (itself, when alone).
    func oneSided(_ world: Team, _ area: Region, _ words: Region) throws -> [BenchFigure] {
        let endpoint = world.endpoint
        let peer: Rank = world.size > 1 ? 1 : 0
        let place = area.offset
        let word = words.offset + 1024
        try endpoint.signal(.set, 0, at: peer, word)
        return try batches.measure([
            Timed("bare store", 8, limit: "itself") { RawCopy.store($0, to: peer, at: place, of: endpoint) },
            Timed("p (store)", 8, limit: "bare store") { count in
                for turn in 0..<count { try endpoint.store(UInt64(turn), to: peer, at: place) }
            },
            Timed("put_nbi, window of 64", 8, limit: "bare store") { count in
                for turn in 0..<count {
                    try endpoint.putNonBlocking(from: place + 128, byteCount: 8, to: peer, at: place)
                    if turn & 63 == 63 { try endpoint.quiet() }
                }
            },
            Timed("put + quiet", 8, limit: "bare locked add") { count in
                for turn in 0..<count {
                    try endpoint.store(UInt64(turn), to: peer, at: place)
                    try endpoint.quiet()
                }
            },
            Timed("g (load)", 8) { count in
                var sum: UInt64 = 0
                for _ in 0..<count { sum &+= try endpoint.load(UInt64.self, from: peer, at: place) }
                try endpoint.store(sum, to: peer, at: place)
            },
            Timed("get", 8) { count in
                for _ in 0..<count { try endpoint.get(from: peer, at: place, byteCount: 8, to: place + 128) }
            },
            Timed("bare locked add", 8, limit: "itself") { _ = RawCopy.add($0) },
            Timed("fetch-add", 8, limit: "bare locked add") { count in
                for _ in 0..<count { try endpoint.fetchAdd(1, at: peer, word) }
            },
            Timed("compare-swap", 8, limit: "bare locked add") { count in
                var seen: UInt64 = 0
                for _ in 0..<count {
                    seen = try endpoint.compareSwap(expected: seen, desired: seen &+ 1, at: peer, word)
                }
            },
            Timed("signal", 8, limit: "bare locked add") { count in
                for turn in 0..<count { try endpoint.signal(.set, UInt64(turn), at: peer, word) }
            },
        ])
    }

    /// Puts and gets of one length between a private buffer and the neighbour's window, beside bare copies of the same bytes.
    func copies(_ world: Team, _ area: Region, _ byteCount: Int) throws -> [BenchFigure] {
        let endpoint = world.endpoint
        let peer: Rank = world.size > 1 ? 1 : 0
        let place = area.offset
        let source = [UInt8](repeating: 1, count: byteCount)
        var sink = [UInt8](repeating: 2, count: byteCount)
        var group = [
            Timed("private copy", byteCount, limit: "itself") { count in
                for _ in 0..<count {
                    var span = sink.mutableSpan
                    RawCopy.run(source.span, &span)
                }
            },
            Timed("bare copy to peer", byteCount, limit: "itself") { count in
                for _ in 0..<count { RawCopy.put(source.span, to: peer, at: place, of: endpoint) }
            },
            Timed("put", byteCount, limit: "bare copy to peer") { count in
                for _ in 0..<count { try endpoint.put(source.span, to: peer, at: place) }
            },
            Timed("bare copy from peer", byteCount, limit: "itself") { count in
                for _ in 0..<count {
                    var span = sink.mutableSpan
                    RawCopy.get(from: peer, at: place, of: endpoint, into: &span)
                }
            },
            Timed("get", byteCount, limit: "bare copy from peer") { count in
                for _ in 0..<count {
                    var span = sink.mutableSpan
                    try endpoint.get(from: peer, at: place, into: &span)
                }
            },
        ]
        if byteCount > CopyPolicy.machine.streamByteCount, CopyPolicy.canStream {
            group.append(
                Timed("private copy past the caches", byteCount, limit: "itself") { count in
                    for _ in 0..<count {
                        var span = sink.mutableSpan
                        RawCopy.stream(source.span, &span)
                    }
                })
            group.append(
                Timed("put (again)", byteCount, limit: "private copy past the caches") { count in
                    for _ in 0..<count { try endpoint.put(source.span, to: peer, at: place) }
                })
        }
        return try batches.measure(group)
    }

    /// The private copy by two ranks at once: what the memory gives to each.
    func copiesByTwo(_ world: Team, _ words: Region, _ byteCount: Int, after meets: UInt64) throws -> [BenchFigure] {
        let endpoint = world.endpoint
        let peer = world[1 - world.rank]
        let source = [UInt8](repeating: 1, count: byteCount)
        var sink = [UInt8](repeating: 2, count: byteCount)
        let batch = max(1, (2 << 20) / max(byteCount, 64))
        let word = words.offset + 2048
        var turns = meets
        var values: [Double] = []
        for repetition in 0...plan.repetitions {
            turns += 1
            try Self.meet(endpoint, peer, word, turns)
            let figure = try Batches.once(batch) { count in
                for _ in 0..<count {
                    var span = sink.mutableSpan
                    RawCopy.run(source.span, &span)
                }
            }
            if repetition > 0 { values.append(figure) }
        }
        guard world.rank == 0 else { return [] }
        return [BenchFigure("private copy by 2 ranks", byteCount: byteCount, values, batch: batch, limit: "itself")]
    }
}
