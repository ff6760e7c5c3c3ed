import Tensors
import Testing

@Suite("BFloat16")
struct BFloat16Tests {
    @Test("Every bit pattern survives the way to Float and back")
    func roundTrip() {
        for bits in UInt16.min ... .max {
            let value = BFloat16(bitPattern: bits)
            let back = BFloat16(value.float)
            if value.float.isNaN {
                #expect(back.float.isNaN)
            } else {
                #expect(back.bitPattern == bits)
            }
        }
    }

    @Test(
        "Rounding takes the nearer neighbour, halves to even",
        arguments: [Float(1), 1e-3, 3e38, Float(bitPattern: 0x0001_8000), -2.5])
    func rounding(base: Float) {
        let low = BFloat16(bitPattern: UInt16(truncatingIfNeeded: base.bitPattern >> 16))
        for step in 0..<65_536 {
            let exact = Float(bitPattern: UInt32(low.bitPattern) << 16 | UInt32(step))
            let rounded = BFloat16(exact).bitPattern
            let up = step > 0x8000 || (step == 0x8000 && low.bitPattern & 1 == 1)
            #expect(rounded == low.bitPattern &+ (up ? 1 : 0))
        }
    }

    @Test("Infinities stay, the largest Float overflows to infinity, NaN stays NaN whatever its payload")
    func corners() {
        #expect(BFloat16(.infinity).float == .infinity)
        #expect(BFloat16(-.infinity).float == -.infinity)
        #expect(BFloat16(.greatestFiniteMagnitude).float == .infinity)
        #expect(BFloat16(-0.0).bitPattern == 0x8000)
        for payload: UInt32 in [1, 0x7FFF, 0x8000, 0xFFFF, 0x3F_FFFF] {
            #expect(BFloat16(Float(bitPattern: 0x7F80_0000 | payload)).float.isNaN)
            #expect(BFloat16(Float(bitPattern: 0xFF80_0000 | payload)).float.isNaN)
        }
    }

    @Test("Element types know their sizes and find themselves by name", arguments: ElementType.allCases)
    func elementTypes(type: ElementType) {
        #expect(ElementType(name: type.description) == type)
        #expect([1, 2, 4, 8].contains(type.byteCount))
        #expect(ElementType(name: "float8") == nil)
    }
}
