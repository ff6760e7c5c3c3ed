internal import Mutants

/// Checks one dispatch and its combine, from what the members said of it.
struct CallChecker {
    let key: HistoryChecker.CallKey
    let call: HistoryChecker.Call

    private var size: Int { key.members.count }

    /// A row that a member sends: which token of which member, and which of its choices.
    private struct Row: Hashable {
        var source: Int
        var token: Int
        var choice: Int
    }

    /// What was received, row by row.
    private struct Received {
        var row: Row
        var expert: Int
        var digest: Int
    }

    func check(_ report: inout HistoryChecker.Report) {
        checkFlags(&report)
        for member in 0..<size { checkReceived(member, &report) }
        checkConservation(&report)
        for member in 0..<size { checkSums(member, &report) }
    }

    private func name(_ member: Int) -> String { "\(key.text), rank \(key.members[member])" }

    /// E / R of the exchange, K and T; nil if a member's dispatch does not say.
    private func shape(_ member: Int) -> (experts: Int, local: Int, choices: Int, limit: Int)? {
        guard let entry = call.entry(.dispatch, member), let experts = entry.one(.experts),
            let choices = entry.one(.choices), let limit = entry.one(.limit), (size...1 << 24).contains(experts),
            (1...1 << 16).contains(choices), (1...1 << 24).contains(limit)
        else { return nil }
        return (experts, experts / size, choices, limit)
    }

    private func received(_ member: Int) -> [Received]? {
        guard let entry = call.entry(.received, member) else { return nil }
        let lists = [entry[.source], entry[.token], entry[.choice], entry[.expert], entry[.digest]]
        guard Set(lists.map(\.count)).count == 1 else { return nil }
        return lists[0].indices.map {
            Received(
                row: Row(source: lists[0][$0], token: lists[1][$0], choice: lists[2][$0]), expert: lists[3][$0],
                digest: lists[4][$0])
        }
    }

    /// The choices of a member's token, or nil if it did not say, or has no such.
    private func chosen(_ row: Row) -> Int? {
        guard let shape = shape(row.source), let entry = call.entry(.dispatch, row.source), row.token >= 0,
            (0..<shape.choices).contains(row.choice), case let place = row.token * shape.choices + row.choice,
            place < entry[.chosen].count
        else { return nil }
        return entry[.chosen][place]
    }

    /// Rows that a member's choices send to another.
    private func sent(from source: Int, to owner: Int) -> Set<Row>? {
        guard let shape = shape(source), let entry = call.entry(.dispatch, source) else { return nil }
        var rows: Set<Row> = []
        for (place, expert) in entry[.chosen].enumerated() where expert >= 0 && expert / shape.local == owner {
            rows.insert(Row(source: source, token: place / shape.choices, choice: place % shape.choices))
        }
        return rows
    }

    // MARK: - Flags and counts

    private func checkFlags(_ report: inout HistoryChecker.Report) {
        for (member, seen) in call.seen {
            guard let peer = seen.one(.peer), (0..<size).contains(peer) else {
                report.check(.bounds, false, "\(name(member)): a flag of no member was seen")
                continue
            }
            let isKnown = call.entry(.dispatch, peer) != nil || call.flags.contains { $0.member == peer }
            guard isKnown else { continue }
            let match = call.flags.contains { sender, flag in
                sender == peer && flag.one(.peer) == member && flag.one(.phase) == seen.one(.phase)
                    && flag.one(.count) == seen.one(.count) && flag.one(.epoch) == seen.one(.epoch)
            }
            report.check(
                .flags, match,
                "\(name(member)) accepted a flag that rank \(key.members[peer]) did not send: \(seen.line.suffix(60))")
            if seen.one(.phase) == 0, let count = seen.one(.count), count >= 0, let rows = sent(from: peer, to: member)
            {
                report.check(
                    .counts, rows.count == count,
                    "\(name(member)): \(count) rows were told of, rank \(key.members[peer]) chose \(rows.count)")
            }
        }
    }

    // MARK: - Rows

    private func checkReceived(_ member: Int, _ report: inout HistoryChecker.Report) {
        guard call.entry(.received, member) != nil else { return }
        guard let rows = received(member), let shape = shape(member) else {
            return report.check(.bounds, false, "\(name(member)): what it received cannot be read")
        }
        var last: [[Int]: Int] = [:]
        for received in rows {
            let row = received.row
            let isInside =
                (0..<size).contains(row.source) && (0..<shape.limit).contains(row.token)
                && (0..<shape.choices).contains(row.choice)
                && (member * shape.local..<(member + 1) * shape.local).contains(received.expert)
            report.check(
                .bounds, isInside,
                "\(name(member)): source \(row.source), token \(row.token), choice \(row.choice), expert \(received.expert)"
            )
            guard isInside else { continue }
            let before = last.updateValue(row.token, forKey: [received.expert, row.source])
            report.check(
                .order, before.map { $0 < row.token } ?? true,
                "\(name(member)): token \(row.token) of rank \(key.members[row.source]) after \(before ?? -1)")
            guard let source = call.entry(.dispatch, row.source) else { continue }
            let digests = source[.digest]
            report.check(
                .noInvention,
                row.token < digests.count && digests[row.token] == received.digest && chosen(row) == received.expert,
                "\(name(member)): token \(row.token) of rank \(key.members[row.source]) is not what was sent to expert "
                    + "\(received.expert)")
        }
        for source in 0..<size {
            guard let sent = sent(from: source, to: member) else { continue }
            let count = rows.count { $0.row.source == source }
            report.check(
                .counts, count == sent.count,
                "\(name(member)): \(count) rows of rank \(key.members[source]), which chose \(sent.count)")
        }
    }

    private func checkConservation(_ report: inout HistoryChecker.Report) {
        for owner in 0..<size {
            guard let rows = received(owner) else { continue }
            let found = rows.map(\.row)
            report.check(
                .conservation, Set(found).count == found.count || Mutated.checkedTwice,
                "\(name(owner)): a row came twice")
            for source in 0..<size {
                guard let sent = sent(from: source, to: owner) else { continue }
                let lost = sent.subtracting(found)
                report.check(
                    .conservation, lost.isEmpty,
                    "\(name(owner)): \(lost.count) rows of rank \(key.members[source]) did not arrive")
            }
        }
    }

    // MARK: - Sums

    /// Adds a member's answers up as declared: from zero, choices in order, each a fused multiply-add in float32, none for no expert.
    private func checkSums(_ member: Int, _ report: inout HistoryChecker.Report) {
        guard let combined = call.entry(.combined, member), let shape = shape(member),
            let own = call.entry(.combine, member), let width = own.one(.width), (1...1 << 24).contains(width),
            let dispatch = call.entry(.dispatch, member), case let chosen = dispatch[.chosen],
            case let weights = own[.weights], weights.count == chosen.count, case let sums = combined[.sums],
            sums.count == chosen.count / shape.choices * width, let answers = answers(to: member, width)
        else { return }
        for token in 0..<chosen.count / shape.choices {
            var expected = [Float](repeating: 0, count: width)
            for choice in 0..<shape.choices where chosen[token * shape.choices + choice] >= 0 {
                guard let answer = answers[Row(source: member, token: token, choice: choice)] else { return }
                let weight = Self.float(weights[token * shape.choices + choice])
                for place in 0..<width { expected[place].addProduct(weight, answer[place]) }
            }
            report.check(
                .reference, expected.indices.allSatisfy { Int(expected[$0].bitPattern) == sums[token * width + $0] },
                "\(name(member)): the sum of token \(token) is not the reference's")
        }
    }

    /// What the experts answered to a member's rows, as it travelled; nil where a member did not say.
    private func answers(to member: Int, _ width: Int) -> [Row: [Float]]? {
        var answers: [Row: [Float]] = [:]
        for owner in 0..<size {
            guard let rows = received(owner), let entry = call.entry(.combine, owner), let narrow = entry.one(.narrow),
                entry[.answers].count == rows.count * width
            else { return nil }
            for (place, received) in rows.enumerated() where received.row.source == member {
                let bits = entry[.answers][place * width..<(place + 1) * width]
                answers[received.row] = bits.map { narrow == 1 ? Self.narrowed(Self.float($0)) : Self.float($0) }
            }
        }
        return answers
    }

    private static func float(_ bits: Int) -> Float { Float(bitPattern: UInt32(truncatingIfNeeded: bits)) }

    /// The nearest number of eight significant bits, ties to even.
    private static func narrowed(_ value: Float) -> Float {
        guard value.isFinite else { return value }
        let bits = value.bitPattern
        let (sum, _) = bits.addingReportingOverflow(0x7FFF + (bits >> 16 & 1))
        return Float(bitPattern: sum & 0xFFFF_0000)
    }
}
