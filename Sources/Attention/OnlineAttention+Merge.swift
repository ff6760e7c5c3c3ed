public import Kernels
internal import Tensors

extension OnlineAttention {
    /// See ``AttentionVariant/combine(_:into:layout:kernels:)``.
    public func combine(
        _ next: Span<Float>, into held: inout MutableSpan<Float>, layout: PartialLayout, kernels: AttentionKernels
    ) {
        precondition(next.count == layout.floatCount && held.count == layout.floatCount, "The states differ in layout.")
        for index in 0..<layout.rowCount {
            let from = next.extracting(index * layout.stride..<(index + 1) * layout.stride)
            var to = held.slice(index * layout.stride..<(index + 1) * layout.stride)
            let nextHeader = PartialHeader(from), heldHeader = PartialHeader(to.span)
            if nextHeader.divisor == 0 { continue }
            if heldHeader.divisor == 0 {
                for column in 0..<layout.stride { to[column] = from[column] }
                continue
            }
            let alignment = Policy.align(heldHeader, nextHeader)
            alignment.header.write(to: &to)
            var sums = to.slice(PartialLayout.headerCount..<layout.stride)
            kernels.rescale(&sums, alignment.held)
            kernels.add(
                from.extracting(PartialLayout.headerCount..<layout.stride), factor: alignment.nextFactor,
                increment: alignment.nextIncrement, to: &sums)
        }
    }

    /// See ``AttentionVariant/finish(_:layout:kernels:output:logSumExp:)``.
    public func finish(
        _ merged: Span<Float>, layout: PartialLayout, kernels: AttentionKernels, output: inout MutableSpan<Float>,
        logSumExp: inout MutableSpan<Float>
    ) {
        precondition(merged.count == layout.floatCount, "The merged state has another layout.")
        precondition(
            output.count == layout.rowCount * layout.latentWidth && logSumExp.count == layout.rowCount,
            "The outputs have another shape.")
        for index in 0..<layout.rowCount {
            let row = merged.extracting(index * layout.stride..<(index + 1) * layout.stride)
            var to = output.slice(index * layout.latentWidth..<(index + 1) * layout.latentWidth)
            let header = PartialHeader(row)
            guard header.divisor != 0 else {
                to.update(repeating: 0)
                logSumExp[index] = -.infinity
                continue
            }
            kernels.divide(
                row.extracting(PartialLayout.headerCount..<layout.stride), by: header.divisor, into: &to)
            logSumExp[index] = Policy.logSumExp(header)
        }
    }
}

extension AttentionKernels {
    /// Does what a policy decided to an accumulator.
    func rescale(_ accumulator: inout MutableSpan<Float>, _ rescale: Rescale) {
        switch rescale {
        case .none: break
        case .exponent(let increment): exponentAdd(&accumulator, increment: increment)
        case .factor(let factor): multiply(&accumulator, by: factor)
        }
    }
}
