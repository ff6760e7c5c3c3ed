internal import Baselines
internal import Fabric
internal import SharedMemory

extension LatencyWorkload {
    /// A flag, alone and with a payload, to and fro: by bare loads and stores, and by the fabric; one way.
    func pingPongs(_ world: Team, _ area: Region, _ words: Region) throws -> [BenchFigure] {
        let endpoint = world.endpoint
        let peer = world[1 - world.rank]
        let first = world.rank == 0
        let rounds = 2000
        let pair = words.slice(0, 128)
        let spins = WaitPolicy.usableCores >= 2
        let payload = [UInt8](repeating: 3, count: Self.messageByteCount)
        var names: [(operation: String, byteCount: Int, limit: String)] = []
        var values: [[Double]] = []
        var meets: UInt64 = 0
        // Both ranks run the same list in the same order; `time` returns the nanoseconds of all rounds.
        func each(_ name: String, _ byteCount: Int, limit: String, _ time: (UInt64) throws -> UInt64) throws {
            let index = names.firstIndex { $0.operation == name }
            if index == nil {
                names.append((name, byteCount, limit))
                values.append([])
            }
            meets += 1
            // Clear, then agree that both are clear.
            try endpoint.signal(.set, 0, at: endpoint.rank, pair.offset)
            try Self.meet(endpoint, peer, words.offset + 512, meets)
            let nanoseconds = try time(meets * UInt64(rounds))
            // The first pass warms up.
            if let index { values[index].append(Double(nanoseconds) / Double(2 * rounds)) }
        }
        for _ in 0...plan.repetitions {
            if spins {
                try each("raw flag ping-pong, one way", 8, limit: "itself") { _ in
                    try RawPingPong.run(endpoint: endpoint, peer: peer, words: pair, rounds: rounds, first: first)
                }
                try each("raw copy + flag ping-pong, one way", payload.count, limit: "itself") { _ in
                    try RawCopy.pingPong(
                        payload.span, at: area, words: pair, peer: peer, of: endpoint, rounds: rounds, first: first)
                }
            }
            try each("signal + wait ping-pong, one way", 8, limit: "raw flag ping-pong, one way") { base in
                try exchange(endpoint, peer, words.offset + 256, base, rounds, first) { turn in
                    try endpoint.signal(.set, turn, at: peer, words.offset + 256)
                }
            }
            for byteCount in [8, payload.count] {
                let limit = byteCount == 8 ? "raw flag" : "raw copy + flag"
                let part = Array(payload[..<byteCount])
                try each(
                    "put-signal \(byteCount) B ping-pong, one way", byteCount, limit: "\(limit) ping-pong, one way"
                ) { base in
                    try exchange(endpoint, peer, words.offset + 320, base, rounds, first) { turn in
                        try endpoint.putSignal(
                            part.span, to: peer, at: area.offset, signal: .set, turn, at: words.offset + 320)
                    }
                }
            }
        }
        guard first else { return [] }
        return Batches.figures(names, values, Array(repeating: rounds, count: names.count))
    }

    /// Rounds of send and wait; nanoseconds of all.
    private func exchange(
        _ endpoint: Endpoint, _ peer: Rank, _ flag: Int, _ base: UInt64, _ rounds: Int, _ first: Bool,
        send: (UInt64) throws -> Void
    ) throws -> UInt64 {
        let start = Monotonic.now()
        for turn in base + 1...base + UInt64(rounds) {
            if first { try send(turn) }
            try endpoint.wait(at: flag, until: .greaterOrEqual, turn, peer: peer)
            if !first { try send(turn) }
        }
        return Monotonic.now() - start
    }

    /// Barriers of the whole team, timed by rank 0, beside bare ones on a counter.
    func barriers(_ world: Team, _ words: Region) throws -> [BenchFigure] {
        let endpoint = world.endpoint
        let batch = max(3, min(200, 4000 / world.size))
        let spins = world.size <= WaitPolicy.usableCores
        // Whether those that wait pause, or give the processor away.
        let forms = spins ? [true, false] : [false]
        var values = Array(repeating: [Double](), count: forms.count + 1)
        let raw = words.slice(3072, RawBarrier.byteCount)
        for repetition in 0...plan.repetitions {
            for (index, form) in forms.enumerated() {
                try world.barrier()
                let time = try RawBarrier.run(
                    endpoint: endpoint, home: 0, words: raw, size: world.size, rounds: batch, spins: form)
                if repetition > 0 { values[index].append(Double(time) / Double(batch)) }
            }
            try world.barrier()
            let value = try Batches.once(batch) { count in for _ in 0..<count { try world.barrier() } }
            if repetition > 0 { values[forms.count].append(value) }
        }
        var names = forms.map { form in
            (form ? "raw barrier, counter + spin" : "raw barrier, counter + yield", 0, "itself")
        }
        names.append(("barrier", 0, names[0].0))
        return Batches.figures(names, values, Array(repeating: batch, count: names.count))
    }
}
