/// Whether the process runs as the mutant of a name: `if Mutated.wakeUp { return }`.
///
/// In every build but that of `scripts/test --mutants` the answer is the constant false, and neither the question nor the name is left in the
/// program. There it is true of the mutant that the environment's `SOFTPOD_MUTANT` names: a defence is then off, or a fault is planted, and some
/// test must fail.
@dynamicMemberLookup
public enum Mutated {
    #if SOFTPOD_MUTANTS
        /// Whether this process runs as the mutant of the name, which is one of ``Mutant``.
        public static subscript(dynamicMember name: StaticString) -> Bool {
            guard let current = Mutant.current else { return false }
            return "\(name)" == current
        }
    #else
        /// False.
        @inlinable @inline(__always)
        public static subscript(dynamicMember name: StaticString) -> Bool { false }
    #endif
}
