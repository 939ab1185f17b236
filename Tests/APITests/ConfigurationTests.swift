// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import Testing

private func encoded(_ value: some JSONWritable) -> String {
    String(decoding: JSONWriter.encode(value), as: UTF8.self)
}

private func refusal(_ body: () throws(APIError) -> Void) -> APIError? {
    do throws(APIError) {
        try body()
        return nil
    } catch {
        return error
    }
}

@Suite("Autopilot configuration") struct AutopilotConfigurationTests {
    private func parse(_ body: String) throws(APIError) -> AutopilotConfiguration {
        try AutopilotConfiguration.parse(body: Array(body.utf8))
    }

    @Test("The defaults are the documented ones, the durations come first")
    func defaults() {
        #expect(
            encoded(AutopilotConfiguration())
                == #"{"LastContactThreshold":"200ms","ServerStabilizationTime":"10s","#
                + #""CleanupDeadServers":true,"MaxTrailingLogs":250,"MinQuorum":0,"#
                + #""EnableRedundancyZones":false,"DisableUpgradeMigration":false,"#
                + #""EnableCustomUpgrades":false,"CreateIndex":0,"ModifyIndex":0}"#)
    }

    @Test(
        "A body far larger than a configuration is a 400 that does not repeat it",
        arguments: [
            #"{"LastContactThreshold":"\#(String(repeating: "x", count: 100_000))"}"#,
            "[\(String(repeating: "0,", count: 5_000))0]",
            String(repeating: "[", count: 17) + String(repeating: "]", count: 17),
        ])
    func tooLarge(body: String) {
        let error = refusal { () throws(APIError) in _ = try parse(body) }
        #expect(error?.status == 400)
        #expect((error?.message.utf8.count ?? .max) < 100)
    }

    @Test(
        "Absent and null fields take the defaults",
        arguments: [
            "{}", "null", #"{"MaxTrailingLogs":null,"LastContactThreshold":null}"#, #"{"Foo":[1]}"#,
            #"{"CreateIndex":4,"ModifyIndex":"x"}"#,
        ])
    func absent(body: String) throws {
        #expect(try parse(body) == AutopilotConfiguration())
    }

    @Test("Every field is read, whatever the case of its name")
    func fields() throws {
        let read = try parse(
            #"{"cleanupdeadservers":false,"LASTCONTACTTHRESHOLD":"1.5s","MaxTrailingLogs":"#
                + #"18446744073709551615,"MinQuorum":3,"ServerStabilizationTime":"","#
                + #""EnableRedundancyZones":true,"DisableUpgradeMigration":true,"#
                + #""EnableCustomUpgrades":true}"#)

        var expected = AutopilotConfiguration()
        expected.cleanupDeadServers = false
        expected.lastContactThreshold = .milliseconds(1500)
        expected.maxTrailingLogs = .max
        expected.minQuorum = 3
        expected.serverStabilizationTime = .zero
        expected.enableRedundancyZones = true
        expected.disableUpgradeMigration = true
        expected.enableCustomUpgrades = true
        #expect(read == expected)
    }

    @Test(
        "A field of a wrong type or out of range is a 400 that names it",
        arguments: [
            ("CleanupDeadServers", #""true""#), ("CleanupDeadServers", "1"),
            ("EnableCustomUpgrades", "{}"), ("MaxTrailingLogs", #""250""#),
            ("MaxTrailingLogs", "-1"),
            ("MaxTrailingLogs", "2.5"), ("MaxTrailingLogs", "2.0"), ("MaxTrailingLogs", "1e3"),
            ("MaxTrailingLogs", "18446744073709551616"), ("MinQuorum", "-1"), ("MinQuorum", "[]"),
            ("LastContactThreshold", "200000000"), ("LastContactThreshold", #""banana""#),
            ("LastContactThreshold", #""0s""#), ("LastContactThreshold", #""""#),
            ("LastContactThreshold", #""-5s""#), ("ServerStabilizationTime", #""-1ns""#),
            ("ServerStabilizationTime", "10"), ("ServerStabilizationTime", #""9999999h""#),
        ])
    func wrongFields(field: String, value: String) throws {
        let error = try #require(
            refusal { () throws(APIError) in _ = try parse("{\"\(field)\":\(value)}") })

        #expect(error.status == 400)
        #expect(error.message.hasPrefix("Error parsing autopilot config: "))
        #expect(error.message.contains("field \(field)"))
    }

    @Test(
        "A body that is not one object is a 400 that says why",
        arguments: [
            ("", "Request body is empty"), ("  \n", "EOF"), ("{", "unexpected EOF"),
            ("hello", "invalid character 'h' looking for beginning of value"),
            ("{} x", "invalid character 'x' after top-level value"),
            ("[]", "cannot read array into request body of type object"),
            ("5", "cannot read number into request body of type object"),
            ("true", "cannot read bool into request body of type object"),
        ])
    func wrongBodies(body: String, why: String) {
        #expect(
            refusal { () throws(APIError) in _ = try parse(body) }
                == APIError(status: 400, message: "Error parsing autopilot config: \(why)"))
    }
}

@Suite("Scheduler configuration") struct SchedulerConfigurationTests {
    private func parse(_ body: String) throws(APIError) -> SchedulerConfiguration {
        try SchedulerConfiguration.parse(body: Array(body.utf8))
    }

    @Test("The answer to a read has its names in alphabetical order, and the defaults")
    func response() {
        let response = SchedulerConfigurationResponse(
            index: 5, knownLeader: true, lastContact: .milliseconds(35),
            schedulerConfig: SchedulerConfiguration())

        #expect(
            encoded(response)
                == #"{"Index":5,"KnownLeader":true,"LastContact":35000000,"SchedulerConfig":"#
                + #"{"CreateIndex":0,"MemoryOversubscriptionEnabled":false,"ModifyIndex":0,"#
                + #""NodeLimitForFeasibilityChecks":0,"PauseEvalBroker":false,"#
                + #""PreemptionConfig":{"BatchSchedulerEnabled":false,"#
                + #""ServiceSchedulerEnabled":false,"SysBatchSchedulerEnabled":false,"#
                + #""SystemSchedulerEnabled":true},"RejectJobRegistration":false,"#
                + #""SchedulerAlgorithm":"binpack"}}"#)
        #expect(
            encoded(SchedulerSetResponse(index: 7, updated: false))
                == #"{"Index":7,"Updated":false}"#)
    }

    @Test(
        "Absent, null and wrapped fields leave the defaults",
        arguments: [
            "{}", "null", #"{"PreemptionConfig":null,"SchedulerAlgorithm":""}"#,
            #"{"SchedulerConfig":{"PauseEvalBroker":true}}"#, #"{"PreemptionConfig":{}}"#,
        ])
    func absent(body: String) throws {
        #expect(try parse(body) == SchedulerConfiguration())
    }

    @Test("Every field is read, whatever the case of its name")
    func fields() throws {
        let read = try parse(
            #"{"schedulerAlgorithm":"spread","MemoryOversubscriptionEnabled":true,"#
                + #""RejectJobRegistration":true,"PauseEvalBroker":true,"#
                + #""NodeLimitForFeasibilityChecks":12,"PREEMPTIONCONFIG":{"#
                + #""systemschedulerenabled":false,"SysBatchSchedulerEnabled":true,"#
                + #""BatchSchedulerEnabled":true,"ServiceSchedulerEnabled":true}}"#)

        var expected = SchedulerConfiguration()
        expected.schedulerAlgorithm = .spread
        expected.memoryOversubscriptionEnabled = true
        expected.rejectJobRegistration = true
        expected.pauseEvalBroker = true
        expected.nodeLimitForFeasibilityChecks = 12
        expected.preemptionConfig.systemSchedulerEnabled = false
        expected.preemptionConfig.sysBatchSchedulerEnabled = true
        expected.preemptionConfig.batchSchedulerEnabled = true
        expected.preemptionConfig.serviceSchedulerEnabled = true
        #expect(read == expected)
    }

    @Test(
        "A field of a wrong type or out of range is a 400 that names it",
        arguments: [
            (#"{"PreemptionConfig":true}"#, "PreemptionConfig"),
            (#"{"PreemptionConfig":[]}"#, "PreemptionConfig"),
            (
                #"{"PreemptionConfig":{"SystemSchedulerEnabled":"true"}}"#,
                "PreemptionConfig.SystemSchedulerEnabled"
            ),
            (#"{"SchedulerAlgorithm":1}"#, "SchedulerAlgorithm"),
            (#"{"NodeLimitForFeasibilityChecks":-1}"#, "NodeLimitForFeasibilityChecks"),
            (
                #"{"NodeLimitForFeasibilityChecks":9223372036854775808}"#,
                "NodeLimitForFeasibilityChecks"
            ),
            (#"{"PauseEvalBroker":0}"#, "PauseEvalBroker"),
        ])
    func wrongFields(body: String, field: String) throws {
        let error = try #require(refusal { () throws(APIError) in _ = try parse(body) })

        #expect(error.status == 400)
        #expect(error.message.hasPrefix("Error parsing scheduler config: "))
        #expect(error.message.contains("field \(field)"))
    }

    @Test("An unknown algorithm is a 400 with Nomad's text", arguments: ["foo", "Binpack"])
    func algorithm(name: String) {
        #expect(
            refusal { () throws(APIError) in
                _ = try parse("{\"SchedulerAlgorithm\":\"\(name)\"}")
            } == APIError(status: 400, message: "invalid scheduler algorithm: \(name)"))
    }
}

@Suite("Check-and-set index") struct ParseIndexTests {
    @Test(
        "Decimal digits below 2^64 are read",
        arguments: [
            ("0", 0), ("007", 7), ("18446744073709551615", .max),
        ] as [(String, UInt64)])
    func readings(text: String, expected: UInt64) throws {
        #expect(try parseIndex(text) == expected)
    }

    @Test(
        "Anything else is a 400 with Go's text",
        arguments: [
            ("", "invalid syntax"), ("abc", "invalid syntax"), ("-1", "invalid syntax"),
            ("+5", "invalid syntax"), ("1.5", "invalid syntax"), ("0x10", "invalid syntax"),
            (" 5", "invalid syntax"), ("٣", "invalid syntax"),
            ("18446744073709551616", "value out of range"),
        ])
    func refusals(text: String, why: String) {
        #expect(
            refusal { () throws(APIError) in _ = try parseIndex(text) }
                == APIError(
                    status: 400,
                    message:
                        "Error parsing cas value: strconv.ParseUint: parsing \"\(text)\": \(why)"))
    }
}
