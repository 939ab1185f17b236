// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import MartletServer

@Suite("When the log was how long") struct LogClockTests {
    @Test("What was applied by then is known, and nothing newer counts as old")
    func index() {
        var clock = LogClock()
        #expect(clock.index(at: .seconds(100)) == 0)
        for second in 1...50 { clock.note(UInt64(second) * 10, at: .seconds(second)) }
        #expect(clock.index(at: .milliseconds(999)) == 0)
        #expect(clock.index(at: .seconds(1)) == 10)
        #expect(clock.index(at: .milliseconds(20_500)) == 200)
        #expect(clock.index(at: .seconds(1_000)) == 500)
    }

    @Test("However long it runs it takes bounded memory, and errs to the careful side only")
    func bounded() {
        var clock = LogClock()
        for second in 1...50_000 { clock.note(UInt64(second), at: .seconds(second)) }
        for age in [1, 60, 3_600, 40_000] {
            let then = UInt64(50_000 - age)
            let found = clock.index(at: .seconds(Int64(then)))
            #expect(found <= then)
            #expect(found + 200 >= then)
        }
    }

    @Test("Several entries of one moment are one mark, and the last of them is found later")
    func sameMoment() {
        var clock = LogClock()
        for index in 1...9 as ClosedRange<UInt64> { clock.note(index, at: .seconds(1)) }
        #expect(clock.index(at: .seconds(2)) == 1)
        clock.note(9, at: .seconds(300))
        #expect(clock.index(at: .seconds(300)) == 9)
        #expect(clock.index(at: .seconds(299)) == 1)
    }
}
