// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletJSON

/// `operator scheduler …`.
enum SchedulerCommands {
    static let all = [
        Command(
            "operator scheduler get-config", "shows how work is placed",
            flags: [Commands.stale] + Reading.flags, run: getConfiguration),
        Command(
            "operator scheduler set-config", "changes how work is placed",
            detail:
                "Changes the settings that are given and leaves the others as they are. Nothing "
                + "is written when nothing would change, or when somebody else has changed the "
                + "configuration meanwhile.",
            flags: [
                Flag(
                    "check-index", .count,
                    "Change it only if its Modify Index is this one; 0 is the same as without.")
            ] + settings.map(\.flag) + [Commands.dryRun], run: setConfiguration),
    ]

    private static let settings: [Setting<SchedulerConfiguration>] = [
        Setting(
            flag: Flag(
                "scheduler-algorithm", .choice(["binpack", "spread"]),
                "Whether work goes to the fullest node that fits, or to the emptiest."),
            title: "Scheduler Algorithm",
            set: { configuration, values in
                let name = values.text("scheduler-algorithm")
                configuration.schedulerAlgorithm =
                    name.flatMap { SchedulerAlgorithm(rawValue: $0) }
                    ?? configuration.schedulerAlgorithm
            }, show: { $0.schedulerAlgorithm.rawValue }),
        .truth(
            "memory-oversubscription", "Memory Oversubscription", \.memoryOversubscriptionEnabled,
            "Whether tasks may use more memory than they reserved, where there is some."),
        .truth(
            "reject-job-registration", "Reject Job Registration", \.rejectJobRegistration,
            "Whether new jobs are refused, but by management tokens."),
        .truth(
            "pause-eval-broker", "Pause Eval Broker", \.pauseEvalBroker,
            "Whether no work is handed to the schedulers."),
        .truth(
            "preempt-system-scheduler", "Preemption System Scheduler",
            \.preemptionConfig.systemSchedulerEnabled, "Whether system jobs may evict others."),
        .truth(
            "preempt-service-scheduler", "Preemption Service Scheduler",
            \.preemptionConfig.serviceSchedulerEnabled, "Whether service jobs may evict others."),
        .truth(
            "preempt-batch-scheduler", "Preemption Batch Scheduler",
            \.preemptionConfig.batchSchedulerEnabled, "Whether batch jobs may evict others."),
        .truth(
            "preempt-sysbatch-scheduler", "Preemption SysBatch Scheduler",
            \.preemptionConfig.sysBatchSchedulerEnabled,
            "Whether system batch jobs may evict others."),
        .count(
            "node-limit-for-feasibility-checks", "Node Limit For Feasibility Checks",
            \.nodeLimitForFeasibilityChecks,
            "How many nodes one placement looks at; 0 leaves it to the scheduler."),
    ]

    private static let path = "/v1/operator/scheduler/configuration"

    private static func read(
        _ invocation: Invocation, query: [(String, String)] = [], failing: String
    ) throws(CLIFailure) -> (Answer, SchedulerConfiguration) {
        let answer = try invocation.answer(path, query: query, failing: failing)
        let inner = try answer.required("SchedulerConfig")
        do throws(APIError) {
            var configuration = try SchedulerConfiguration.decode(from: inner.node)
            configuration.createIndex = inner.count("CreateIndex") ?? 0
            configuration.modifyIndex = inner.count("ModifyIndex") ?? 0
            return (answer, configuration)
        } catch {
            throw answer.wrong(error.message)
        }
    }

    private static let getConfiguration: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let (answer, configuration) = try read(
            invocation, query: invocation.values.isOn("stale") ? [("stale", "")] : [],
            failing: "Error querying scheduler configuration")
        try invocation.show(answer) {
            var facts = Facts()
            for setting in settings { facts.add(setting.title, setting.show(configuration)) }
            facts.add("Modify Index", "\(configuration.modifyIndex)")
            return facts.text(invocation.style)
        }
        return .fine
    }

    private static let setConfiguration: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkGiven(settings, example: "-scheduler-algorithm=spread")
        let (_, present) = try read(
            invocation, failing: "Error querying for scheduler configuration")
        if let index = invocation.values.count("check-index"), index > 0,
            index != present.modifyIndex
        {
            throw CLIFailure(
                "Error performing check index set: check-index \(index) does not match current "
                    + "state value \(present.modifyIndex)", .refused)
        }
        guard let wanted = invocation.changed(present, by: settings) else { return .fine }
        let answer = try invocation.answer(
            .put, path, query: [("cas", "\(present.modifyIndex)")],
            body: JSONWriter.encode(wanted) + [0x0a],
            failing: "Error setting scheduler configuration")
        guard answer.isTrue("Updated") else {
            throw CLIFailure(
                "Scheduler configuration could not be atomically updated: somebody else has changed "
                    + "it; look at it and try again", .refused)
        }
        invocation.line("Scheduler configuration updated!")
        return .fine
    }
}
