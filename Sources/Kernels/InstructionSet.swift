import CKernels

/// The instruction sets the kernels are compiled for; one is chosen when the process starts.
///
/// All of them give the same bits: they run the same lane structure and round every step alike.
public enum InstructionSet: Int32, CaseIterable, Sendable, CustomStringConvertible {
    /// Whatever every processor of the architecture has.
    case portable = 0
    /// AVX2 with fused multiply-add and half-precision conversion.
    case avx2 = 1

    /// The best set this processor can run, asked once with `cpuid`.
    public static let best: InstructionSet =
        softpod_cpu_features() & SOFTPOD_CPU_AVX2.rawValue != 0 ? .avx2 : .portable

    /// The sets this processor can run, worst first.
    public static var available: [InstructionSet] { best == .avx2 ? [.portable, .avx2] : [.portable] }

    /// The name printed by `softpod info` and in tables.
    public var description: String {
        switch self {
        case .portable: "portable"
        case .avx2: "avx2+fma"
        }
    }
}
