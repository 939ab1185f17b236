// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import MartletServer
import MartletTransport

extension FuzzTarget {
    static let text = [
        json, deepJSON, autopilotBody, schedulerBody, duration, dryRun, socketAddress,
    ]

    private static let jsonWords = words(
        "{", "}", "[", "]", "\"", ":", ",", "null", "true", "false", "0", "-0", "1e9", "-1.5E-3",
        "\\u0000", "\\ud800", "\\udc00", "\\u212a", "\\\"", "\u{FEFF}", " ", "\n", "é", "[[[[[[[[",
        "{\"a\":", "9223372036854775808", "18446744073709551615", "1.0", "\\")

    /// What is accepted is written as JSON that is read equal.
    private static let json = FuzzTarget(
        "json", "the strict reader and the writer", words: jsonWords
    ) { input throws(Finding) in try jsonRoundTrip(input, JSONLimits()) }

    private static let deepJSON = FuzzTarget(
        "json-limits", "the same with small bounds", words: jsonWords
    ) { input throws(Finding) in
        try jsonRoundTrip(input, JSONLimits(depthMax: 4, bytesMax: 1024, valuesMax: 32))
    }

    private static func jsonRoundTrip(
        _ input: [UInt8], _ limits: JSONLimits
    ) throws(Finding) -> UInt64 {
        let first: JSONNode
        do throws(JSONError) {
            first = try JSONReader.parse(input, limits: limits)
        } catch {
            try demand(error.offset <= input.count, "an error at \(error.offset)")
            try demand(error.line >= 1 && error.column >= 1, "an error nowhere")
            return Features.text(error.description)
        }
        let written = JSONWriter.encode(first)
        // A byte of a string takes six, escaped.
        try demand(written.count <= 6 * input.count, "\(written.count) of \(input.count)")
        // Escapes take room that the bound of the first text did not have to give.
        let room = JSONLimits(
            depthMax: limits.depthMax, bytesMax: 6 * limits.bytesMax, valuesMax: limits.valuesMax)
        let second = try must("what was written") { try JSONReader.parse(written, limits: room) }
        try demand(isSame(first, second), "what was written is another document")
        return Features.bits(1, written.first, written.dropFirst().first, size: written.count)
    }

    private static func isSame(_ one: JSONNode, _ other: JSONNode) -> Bool {
        switch (one.value, other.value) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        case (.array(let left), .array(let right)):
            left.count == right.count && zip(left, right).allSatisfy { isSame($0, $1) }
        case (.object(let left), .object(let right)):
            left.count == right.count
                && zip(left, right).allSatisfy {
                    $0.name.utf8.elementsEqual($1.name.utf8) && isSame($0.node, $1.node)
                }
        default: false
        }
    }

    private static let autopilotBody = FuzzTarget(
        "api-autopilot", "the body of an autopilot configuration", bytesMax: 2048,
        words: jsonWords
            + words(
                "\"CleanupDeadServers\":", "\"lastcontactthreshold\":", "\"MaxTrailingLogs\":",
                "\"MinQuorum\":", "\"ServerStabilizationTime\":", "\"10s\"", "\"-1ns\"", "\"1h2m\"",
                "\"EnableCustomUpgrades\":", "\"292y\"")
    ) { input throws(Finding) in
        try body(input) { bytes throws(APIError) in
            try AutopilotConfiguration.parse(body: bytes)
        }
    }

    private static let schedulerBody = FuzzTarget(
        "api-scheduler", "the body of a scheduler configuration", bytesMax: 2048,
        words: jsonWords
            + words(
                "\"SchedulerAlgorithm\":", "\"spread\"", "\"binpack\"", "\"PreemptionConfig\":",
                "\"SystemSchedulerEnabled\":", "\"NodeLimitForFeasibilityChecks\":",
                "\"pauseevalbroker\":")
    ) { input throws(Finding) in
        try body(input) { bytes throws(APIError) in
            try SchedulerConfiguration.parse(body: bytes)
        }
    }

    /// A body that is taken is answered in a form that is taken as equal; one that is not, is a
    /// client's error.
    private static func body<Value: Equatable & JSONWritable>(
        _ input: [UInt8], _ parse: ([UInt8]) throws(APIError) -> Value
    ) throws(Finding) -> UInt64 {
        let value: Value
        do throws(APIError) {
            value = try parse(input)
        } catch {
            try demand((400...499).contains(error.status), "refused with \(error.status)")
            // A text that is quoted back is escaped: four bytes for one.
            try demand(error.message.utf8.count <= 10 * input.count + 256, "a long refusal")
            return Features.text(error.message)
        }
        do throws(APIError) {
            let again = try parse(JSONWriter.encode(value))
            guard again == value else { throw APIError(status: 0, message: "it is another") }
        } catch {
            throw Finding("what is answered: \(error.message)")
        }
        return Features.bits(1, size: input.count)
    }

    private static let duration = FuzzTarget(
        "go-duration", "a duration as Go writes it", bytesMax: 128,
        words: words(
            "ns", "us", "µs", "μs", "ms", "s", "m", "h", ".", "-", "+", "0", "1h", "9223372036s",
            "2562047h47m16.854775807s", "2562047h47m16.854775808s", "0.000000000000000000001s")
    ) { input throws(Finding) in
        guard let text = String(validating: input, as: UTF8.self) else { return 0 }
        let first: GoDuration
        do throws(GoDuration.ParseError) {
            first = try GoDuration(parsing: text)
        } catch {
            return Features.text("\(error)")
        }
        do throws(GoDuration.ParseError) {
            let second = try GoDuration(parsing: first.description)
            guard second == first else { throw .invalid(first.description) }
        } catch {
            throw Finding("\(first.nanoseconds) is written as \(first): \(error)")
        }
        return Features.bits(
            1, first.nanoseconds < 0 ? 1 : 0, size: Int(clamping: first.nanoseconds))
    }

    private static let dryRun = FuzzTarget(
        "dry-run", "the query of a dry run", bytesMax: 512,
        words: words(
            "leaving=", "failed=", "&", "MinQuorum=", "LastContactThreshold=", "10s", "true", "%",
            "EnableRedundancyZones=", "18446744073709551616", "%00")
    ) { input throws(Finding) in
        guard let text = String(validating: input, as: UTF8.self) else { return 0 }
        return Features.bits(Reencoding.takesDryRun(text) ? 1 : 0, size: text.utf8.count)
    }

    private static let socketAddress = FuzzTarget(
        "socket-address", "an address with its port", bytesMax: 160,
        words: words(
            "127.0.0.1", "[::1]", ":", "::", "[", "]", "unix:", "/", "65535", "65536", "ffff", ".",
            "255", "256", "%eth0", "::ffff:1.2.3.4")
    ) { input throws(Finding) in
        guard let text = String(validating: input, as: UTF8.self),
            let first = SocketAddress(text)
        else { return 0 }
        try demand(
            SocketAddress(first.description) == first, "\(first) is not read as what it is")
        return Features.bits(1, first.port == nil ? 0 : 1, size: text.utf8.count)
    }
}
