internal import Fabric

// What each algorithm does, in meetings, rounds and bytes: B of a block where there is one, S of all blocks. See docs/collectives.md.

extension CostModel {
    /// Meets to post and to end, and moves bytes as the form says; reductions go through slots where they are pushed.
    func pairwise(_ form: TransferDirection, _ operation: CollectiveOperation, _ size: Double) -> Load {
        let block = size / n
        let pushed = form.fraction
        var load = Load(posts: 1, legs: 1, meetings: 1)
        switch operation {
        case .barrier:
            guard form.pushes else { return Load(meetings: 1) }
            // Each waits for all, so where cores are shared it is a meeting as well.
            load = events(rounds: 1, partners: n - 1, announces: false)
            if sharesCores { load.rounds = 0 }
            load.meetings = sharesCores ? 1 : 0
        case .sendReceive:
            load = events(rounds: 2, partners: 2)
            load.copied = Load.Bytes(size * skew(pushed), n * size)
        case .broadcast:
            // What the root does: its own copy, and what it pushes.
            let rest = (n - 1) * size
            load.copied = Load.Bytes(size, size + (1 - pushed) * rest)
            load.filled = Load.Bytes(pushed * rest, pushed * rest)
        case .allGather, .allGatherV:
            let isSkewed = operation == .allGatherV
            let most = pushed * block * (isSkewed ? Self.skew : 1)
            load.copied = Load.Bytes(most + (1 - pushed) * size, pushed * size + (1 - pushed) * n * size)
            load.filled = Load.Bytes((n - 1) * most, pushed * (n - 1) * size)
        case .allToAll: load.copied = Load.Bytes(size, n * size)
        case .allToAllV: load.copied = Load.Bytes(size * skew(pushed), n * size)
        case .gather: load.copied = Load.Bytes(max(block, (1 - pushed) * size), size)
        case .scatter: load.copied = Load.Bytes(max(block, pushed * size), size)
        case .reduce: reduce(form, size, most: n * size, &load)
        case .reduceScatter: reduce(form, size, most: size, &load)
        case .allReduce:
            if size <= Double(PairwiseReduction.oneShotByteCount) {
                load.copied = Load.Bytes(n * size, n * n * size)
                load.folded = load.copied
            } else {
                reduce(form, size, most: size, &load)
                load.meetings += 1
                load.copied.most += size
                load.copied.total += n * size
            }
        }
        return load
    }

    /// Sources folded where they lie, or pushed into slots first, which is one meeting more.
    private func reduce(_ form: TransferDirection, _ size: Double, most: Double, _ load: inout Load) {
        load.folded = Load.Bytes(most, n * size)
        guard form.pushes else { return }
        load.meetings += 1
        load.copied = Load.Bytes(form.fraction * size, form.fraction * (n - 1) * size)
    }

    /// The busiest end of a block of unknown length: the producer for what is pushed, the consumer for the rest.
    private func skew(_ pushed: Double) -> Double { 1 + (Self.skew - 1) * max(pushed, 1 - pushed) }

    /// In the posts, by the last to arrive, in pieces, or each its own part: as ``Cooperative`` divides it.
    func cooperative(_ operation: CollectiveOperation, _ size: Double) -> Load {
        if operation == .barrier { return Load(meetings: 1) }
        var load = Load(posts: 1)
        let block = size / n
        let all = operation == .gather || operation == .scatter ? size : n * size
        let isInline = operation.fitsRecords && (operation.destination == .one ? size : block) <= 64
        // How many share the work evenly; each its own part, if it is not opened.
        let isOpened = !meetsByFlags && all <= Double(Work.sharedByteCount(operation, members: members))
        let isAlone = isInline || isOpened && all <= Double(Work.soloByteCount)
        let hands = isAlone ? 1 : isOpened ? min(parallel, pieces(operation, size)) : parallel
        if !isInline, !isOpened || !meetsByFlags && !isAlone && !sharesCores { load.meetings = 1 }
        func bytes(_ total: Double, own: Double) -> Load.Bytes {
            Load.Bytes(isAlone || isOpened ? total / hands : own, total)
        }
        switch operation {
        case .barrier, .sendReceive: break
        case .broadcast:
            guard isOpened || isInline else {
                load.copied = bytes(all, own: size)
                break
            }
            load.copied = bytes(size, own: size)
            load.filled = bytes(all - size, own: size)
        case .allGather, .allGatherV:
            let most = block * (operation == .allGatherV ? Self.skew : 1)
            load.copied = bytes(size, own: most)
            load.filled = bytes(all - size, own: (n - 1) * most)
        case .allToAll: load.copied = bytes(all, own: size)
        case .allToAllV: load.copied = bytes(all, own: size * Self.skew)
        case .gather, .scatter: load.copied = bytes(all, own: block)
        case .reduce:
            load.folded = bytes(all, own: size)
            load.filled = bytes(size, own: block)
        case .reduceScatter: load.folded = bytes(all, own: size)
        case .allReduce:
            load.folded = bytes(all, own: size)
            load.filled = bytes(all, own: size)
        }
        return load
    }

    /// Into how many pieces ``Work`` cuts a call.
    private func pieces(_ operation: CollectiveOperation, _ size: Double) -> Double {
        let limit = Double(operation.isReduction ? Work.foldByteCount : Work.copyByteCount)
        return switch operation {
        case .broadcast, .allReduce, .reduce, .gather: max(1, (size / limit).rounded(.up))
        case .reduceScatter, .scatter, .allGather, .allGatherV: n * max(1, (size / n / limit).rounded(.up))
        case .allToAll, .allToAllV: n * max(1, (size / limit).rounded(.up))
        case .barrier, .sendReceive: 1
        }
    }

    /// From each to the next: n - 1 hops of the first byte; reductions by accumulators, through the slots of each.
    func ring(_ operation: CollectiveOperation, _ size: Double) -> Load {
        let block = size / n
        var load = events(rounds: n, partners: min(n - 1, 2), announces: operation != .barrier)
        switch operation {
        case .broadcast:
            // The last gets each piece when all before it have handed it on.
            let piece = min(size, Double(Work.copyByteCount))
            load.copied = Load.Bytes(max(2 * size, size + (n - 1) * piece), n * size)
        case .allGather, .allGatherV:
            load.copied = Load.Bytes(size, size)
            load.filled = Load.Bytes((n - 1) * block, (n - 1) * size)
        case .allReduce, .reduce, .reduceScatter:
            // A chain: a unit is folded by one member after the other, and few units are under way at once.
            load.rounds = 2 * n
            load.folded = Load.Bytes(n * size, n * size)
            load.copied = Load.Bytes(n * size, 2 * n * size)
        default: load.rounds = 2 * n - 1
        }
        return load
    }

    /// By leaders, or by another member for each partner; a team that is one group deals directly, and pushes.
    func grouped(_ group: Int, _ isSpread: Bool, _ operation: CollectiveOperation, _ size: Double) -> Load {
        let groups = Grouping(size: members, group: group)
        let (width, count) = (Double(groups.width), Double(groups.count))
        let isOne = groups.count == 1
        let block = size / n
        var load = events(
            rounds: isOne ? 1 : 2, partners: width + count - 2, announces: operation != .barrier)
        switch operation {
        case .barrier: load.rounds = max(load.rounds, isSpread ? (isOne ? 1 : 2) : (isOne ? 2 : 3))
        case .broadcast:
            let puts = sharesCores ? n - 1 : width + count - 2
            load.copied = Load.Bytes(size, size)
            load.filled = Load.Bytes(puts * size, (n - 1) * size)
        case .allGather, .allGatherV:
            let handed = isSpread ? 0 : ((count - 1) * width + (width - 1) * (n - width) - (n - width)) * block
            let most = block * (operation == .allGatherV ? Self.skew : 1)
            load.copied = Load.Bytes(most, size)
            load.filled = Load.Bytes((n - 1) * most + handed, (n - 1) * size + handed * count)
        case .allToAll, .allToAllV:
            let handed = isSpread ? (width - 1) * (count - 1) : (2 * width - 2) * (n - width)
            let skewed = size * (operation == .allToAllV ? Self.skew : 1)
            load.copied = Load.Bytes(skewed + handed * block, n * size + handed * block * (isSpread ? n : count))
        case .gather: load.copied = Load.Bytes(isOne ? block : (width + 1) * block, size + (n - width) * block)
        case .scatter: load.copied = Load.Bytes(size, size + (n - width) * block)
        case .sendReceive: break
        case .reduce, .reduceScatter, .allReduce:
            // Accumulators go from group to group, results back; every unit has events of its own.
            let lanes = isSpread ? width : 1
            load.rounds = count + 1
            load.partners *= 1.5
            load.folded = Load.Bytes(size * width / lanes, n * size)
            let results = operation == .allReduce ? n * size : size
            load.copied = Load.Bytes(results / (lanes * count), results + 2 * (count - 1) * size)
        }
        return load
    }

    /// The waits of a schedule: announcements, rounds, and done; a barrier has no regions to announce.
    private func events(rounds: Double, partners: Double, announces: Bool = true) -> Load {
        var load = Load()
        guard members > 1 else { return load }
        load.rounds = rounds + (announces ? 1 : 0)
        // Where cores are shared, to see that the others are done is a turn of its own, however few hops there are.
        if sharesCores { load.rounds = max(load.rounds, announces ? 3 : 2) }
        load.partners = announces ? partners : partners / 2
        return load
    }
}
