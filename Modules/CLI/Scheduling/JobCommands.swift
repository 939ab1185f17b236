// SPDX-License-Identifier: Apache-2.0

/// `job …`, as a table.
enum JobCommands {
    static let all = submitting + reading + changing

    static let jsonFile = Flag(
        "json", .onOff, "The file is JSON, whatever it is called and begins with.")
    static let fileDetail =
        "FILE is a job in HCL, or JSON if its name ends with .json or it begins with {; - is "
        + "standard input."

    private static let submitting = [
        Command(
            "job run", "registers a job, and follows what comes of it",
            detail: "Registers a job, or a new version of it, and follows its evaluation and then "
                + "its deployment. \(fileDetail) The exit code is 2 when something found no place "
                + "or the deployment failed.",
            operands: .exactly("FILE"),
            flags: [
                Flag(
                    "check-index", .count,
                    "Register it only if its Job Modify Index is this one; 0 for a job that must "
                        + "not be there yet."),
                Invocation.detach,
                Flag("eval-priority", .count, "The priority of the evaluation, 1 to 100."),
                jsonFile,
                Flag("output", .onOff, "Print what would be sent, and send nothing."),
                Flag("preserve-counts", .onOff, "Groups that are there keep their counts."),
                Invocation.verbose,
            ], run: JobSubmission.run),
        Command(
            "job plan", "shows what registering a job would do",
            detail: "Shows what would change and what the scheduler would do, and changes nothing. "
                + "\(fileDetail) The exit code is 0 when no allocation would be made or stopped, 1 "
                + "when some would, and 255 when it could not be found out.",
            operands: .exactly("FILE"),
            flags: [
                Flag("diff", .setting, "Show what differs from the job that is there; true."),
                jsonFile, Invocation.verbose,
            ], run: JobPlan.run),
        Command(
            "job validate", "checks a job file",
            detail: "Checks a job file, here and by a server, and registers nothing. \(fileDetail)",
            operands: .exactly("FILE"), flags: [jsonFile], run: JobSubmission.validate),
    ]

    private static let reading = [
        Command(
            "job status", "lists the jobs, or shows one",
            detail: "Lists the jobs, or shows one: what is asked and what there is of it, why the "
                + "rest waits, how far its deployment is, and its allocations.",
            operands: Operands(["JOB"], 0...1),
            flags: [
                Flag("all-allocs", .onOff, "Allocations of former jobs of this id, too."),
                Flag("evals", .onOff, "Show its evaluations."),
                Flag("short", .onOff, "Show only the job itself."), Invocation.verbose,
            ] + Reading.flags, run: JobStatus.run),
        Command(
            "job history", "shows the versions of a job",
            operands: .exactly("JOB"),
            flags: [
                Flag("p", .onOff, "Show what each version changed."),
                Flag("version", .count, "Show only this version."),
            ] + Reading.flags, run: JobHistory.run),
        Command(
            "job inspect", "shows a job as JSON",
            detail: "Shows a job as JSON that can be registered again.",
            operands: .exactly("JOB"),
            flags: [Flag("version", .count, "Show this version of it.")] + Reading.flags,
            run: JobHistory.inspect),
        Command(
            "job allocs", "lists the allocations of a job", operands: .exactly("JOB"),
            flags: [
                Flag("all", .onOff, "Those of former jobs of this id, too."), Invocation.verbose,
            ] + Reading.flags, run: JobStatus.allocations),
        Command(
            "job deployments", "lists the deployments of a job", operands: .exactly("JOB"),
            flags: [
                Flag("all", .onOff, "Those of former jobs of this id, too."),
                Flag("latest", .onOff, "Show only the newest one."), Invocation.verbose,
            ] + Reading.flags, run: JobStatus.deployments),
    ]

    private static let changing = [
        Command(
            "job stop", "stops a job", operands: .exactly("JOB"),
            flags: [
                Invocation.detach,
                Flag("purge", .onOff, "Forget it altogether, with its history."), yes,
                Invocation.verbose,
            ], run: JobChanges.stop),
        Command(
            "job eval", "has the scheduler look at a job again", operands: .exactly("JOB"),
            flags: [
                Invocation.detach,
                Flag(
                    "force-reschedule", .onOff,
                    "Place failed allocations again at once, even if their policy says later."),
                Invocation.verbose,
            ], run: JobChanges.evaluate),
        Command(
            "job revert", "brings back an earlier version of a job",
            operands: .exactly("JOB", "VERSION"), flags: [Invocation.detach, Invocation.verbose],
            run: JobChanges.revert),
        Command(
            "job promote", "lets the canaries of a job's deployment take over",
            operands: .exactly("JOB"),
            flags: [DeploymentCommands.group, Invocation.detach, Invocation.verbose],
            run: JobChanges.promote),
        Command(
            "job scale", "changes how many instances of a group there are",
            detail: "Changes the count of a group. A job with one group needs no GROUP.",
            operands: Operands(["JOB", "GROUP", "COUNT"], 2...3),
            flags: [Invocation.detach, Invocation.verbose], run: JobChanges.scale),
    ]

    static let yes = Flag(
        "yes", .onOff, "Do it even if only the beginning of the id was given.")
}
