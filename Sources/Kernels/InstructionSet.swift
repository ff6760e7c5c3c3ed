internal import CKernels
internal import Glibc

/// The instruction sets there are kernels for; one is chosen when the process starts.
///
/// The table of each set is bit-equal to the portable one, which defines every result, unless ``isBitEqual`` says that an instruction of
/// its own rounding makes it differ.
public enum InstructionSet: Int32, CaseIterable, Sendable, CustomStringConvertible {
    /// Whatever every processor of the architecture has.
    case portable = 0
    /// AVX2 with fused multiply-add and half-precision conversion.
    case avx2 = 1

    /// The sets this processor can run, worst first.
    public static let available = allCases.filter { unsafe softpod_kernels_of($0.rawValue) != nil }

    /// What `SOFTPOD_KERNELS` asks for; empty if it asks for nothing.
    private static let asked = unsafe getenv("SOFTPOD_KERNELS").map { unsafe String(cString: $0) } ?? ""

    /// The set this process uses: the one that `SOFTPOD_KERNELS` names, else the fastest this processor can run.
    public static let best =
        available.first { $0.description == asked } ?? available.last ?? .portable

    /// Why `SOFTPOD_KERNELS` cannot be followed; nil if it can, or is not set.
    public static let fault: String? = {
        guard !asked.isEmpty, best.description != asked else { return nil }
        let sets = available.map(\.description).joined(separator: ", ")
        let isKnown = allCases.contains { $0.description == asked }
        return
            "SOFTPOD_KERNELS=\(asked.prefix(40)): \(isKnown ? "this processor has no such instructions" : "there are no such kernels"); "
            + "it may be \(sets)"
    }()

    /// The name printed by `softpod info` and in tables, and taken by `SOFTPOD_KERNELS`.
    public var description: String {
        switch self {
        case .portable: "portable"
        case .avx2: "avx2"
        }
    }

    /// Whether every result has the same bits as the portable table's.
    public var isBitEqual: Bool { unsafe table.pointee.bit_equal != 0 }

    // SAFETY: a table is an immutable constant of the program.
    var table: UnsafePointer<softpod_kernels> {
        guard let table = unsafe softpod_kernels_of(rawValue) else {
            preconditionFailure("this processor cannot run the kernels of \(self)")
        }
        return unsafe table
    }
    var dense: softpod_dense_kernels { unsafe table.pointee.dense }
    var rows: softpod_row_kernels { unsafe table.pointee.rows }
    var attention: softpod_attention_kernels { unsafe table.pointee.attention }
}
