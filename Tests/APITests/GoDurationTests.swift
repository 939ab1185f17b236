// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import Testing

private func fault(_ text: String) -> String? {
    do throws(GoDuration.ParseError) {
        _ = try GoDuration(parsing: text)
        return nil
    } catch {
        return error.description
    }
}

@Suite("Go durations") struct GoDurationTests {
    @Test(
        "Texts are read, and written in Go's form",
        arguments: [
            ("", "0s"), ("0", "0s"), ("+0", "0s"), ("-0", "0s"), ("0s", "0s"), ("-0s", "0s"),
            ("5m", "5m0s"), ("24h", "24h0m0s"), ("90s", "1m30s"), ("1500us", "1.5ms"),
            ("2us", "2µs"), ("2µs", "2µs"), ("2\u{3BC}s", "2µs"), ("1500ms", "1.5s"),
            (".5s", "500ms"), ("1.s", "1s"), ("+1s", "1s"), ("-5s", "-5s"), ("-1ns", "-1ns"),
            ("999ns", "999ns"), ("1001ns", "1.001µs"), ("1h0.5s", "1h0m0.5s"),
            ("1m1ns", "1m0.000000001s"), ("1h1m1s1ms1us1ns", "1h1m1.001001001s"),
            ("3s2h", "2h0m3s"), ("30.998722ms", "30.998722ms"), ("0.3333333333333333333h", "20m0s"),
            ("0.9223372036854775807h", "55m20.413933267s"),
            ("0.100000000000000000000h", "6m0s"), ("0.99999999999999999999h", "1h0m0s"),
            ("9223372036854775807ns", "2562047h47m16.854775807s"),
            ("-9223372036854775808ns", "-2562047h47m16.854775808s"),
            ("2562047h47m16.854775807s", "2562047h47m16.854775807s"),
        ])
    func readings(text: String, expected: String) throws {
        #expect(try GoDuration(parsing: text).description == expected)
    }

    @Test(
        "What is no duration is told in Go's words",
        arguments: [
            ("banana", #"time: invalid duration "banana""#), ("+", #"time: invalid duration "+""#),
            ("-", #"time: invalid duration "-""#), (".", #"time: invalid duration ".""#),
            (".s", #"time: invalid duration ".s""#), (" 1s", #"time: invalid duration " 1s""#),
            ("+-1s", #"time: invalid duration "+-1s""#),
            ("9999999h", #"time: invalid duration "9999999h""#),
            ("99999999999999999999s", #"time: invalid duration "99999999999999999999s""#),
            ("9223372036854775808ns", #"time: invalid duration "9223372036854775808ns""#),
            ("9223372036854775807ns1ns", #"time: invalid duration "9223372036854775807ns1ns""#),
            ("-9223372036854775809ns", #"time: invalid duration "-9223372036854775809ns""#),
            ("200", #"time: missing unit in duration "200""#),
            ("1s5", #"time: missing unit in duration "1s5""#),
            ("1d", #"time: unknown unit "d" in duration "1d""#),
            ("1S", #"time: unknown unit "S" in duration "1S""#),
            ("1s ", #"time: unknown unit "s " in duration "1s ""#),
            ("5 seconds", #"time: unknown unit " seconds" in duration "5 seconds""#),
            ("1\n", #"time: unknown unit "\n" in duration "1\n""#),
        ])
    func refusals(text: String, expected: String) {
        #expect(fault(text) == expected)
    }

    @Test("What is written reads back the same, at every magnitude")
    func roundTrip() throws {
        var value: Int64 = 1
        while value < .max / 7 {
            for candidate in [value - 1, value, value + 1, -value] {
                let duration = GoDuration(nanoseconds: candidate)
                #expect(try GoDuration(parsing: duration.description) == duration)
            }
            value *= 7
        }
        for extreme in [Int64.min, .max] {
            let duration = GoDuration(nanoseconds: extreme)
            #expect(try GoDuration(parsing: duration.description) == duration)
        }
    }

    @Test("A Swift duration converts, and what does not fit becomes the nearest that does")
    func conversions() {
        #expect(GoDuration(.milliseconds(1500)).nanoseconds == 1_500_000_000)
        #expect(GoDuration(.milliseconds(-1500)).nanoseconds == -1_500_000_000)
        #expect(GoDuration(.seconds(Int64.max)).nanoseconds == .max)
        #expect(GoDuration(.seconds(Int64.min)).nanoseconds == .min)
        #expect(GoDuration(.nanoseconds(Int64.min)).nanoseconds == .min)
        #expect(GoDuration.seconds(2).duration == .seconds(2))
    }
}

@Suite("Timestamps") struct TimestampTests {
    @Test(
        "Unix nanoseconds become RFC 3339 in UTC, rounded down",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"),
            (999_999_999, "1970-01-01T00:00:00Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
            (951_868_799_999_999_999, "2000-02-29T23:59:59Z"),
            (951_868_800_000_000_000, "2000-03-01T00:00:00Z"),
            (1_488_844_071_000_000_000, "2017-03-06T23:47:51Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00Z"),
            (1_735_689_599_000_000_000, "2024-12-31T23:59:59Z"),
            (Int64.max, "2262-04-11T23:47:16Z"), (Int64.min, "1677-09-21T00:12:43Z"),
        ] as [(Int64, String)])
    func formats(nanoseconds: Int64, expected: String) {
        #expect(Timestamp.rfc3339(unixNanoseconds: nanoseconds) == expected)
    }

    @Test(
        "An offset does not lead out of the years that can be written",
        arguments: ["2261-12-31T23:30:00-01:00", "1678-01-01T00:30:00+01:00"])
    func offsets(text: String) {
        #expect(Timestamp.unixNanoseconds(rfc3339: text) == nil)
        let inside = text.replacing("30:00-", with: "30:00+").replacing(
            "30:00+01", with: "30:00+00")
        #expect(Timestamp.unixNanoseconds(rfc3339: inside) != nil)
    }
}
