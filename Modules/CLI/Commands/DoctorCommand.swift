// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// `operator doctor`: what is wrong with a cluster, and what to type.
enum DoctorCommand {
    static let all = [
        Command(
            "operator doctor", "finds what is wrong with the servers, and names the fix",
            detail: "Asks the servers of -address, and those that they know, all at once and each "
                + "for a short time: who answers, who leads, how many more may fail, health, "
                + "contacts, ports, versions, clocks, disks, tokens, gossip and certificates. A "
                + "server that does not answer is a finding, not the end. With -data-dir and "
                + "-config it looks at this machine's folder and files as well. The exit code is 2 "
                + "when something is critical, and 1 when nobody could be asked.",
            flags: [
                Flag(
                    "data-dir", .text("DIR"),
                    "A server's folder: how fast and how full its disk is."),
                Flag(
                    "config", .list("PATH"),
                    "A configuration file or folder of a server here; its certificates too. Several "
                        + "times."),
                Flag("only", .onOff, "Ask the servers of -address alone."),
            ] + Reading.flags, run: run)
    ]

    private static let run: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        var picture = try Enquiry(invocation).picture()
        if let machine = invocation.environment.machine {
            picture.machine = MachineCheck(environment: invocation.environment, machine: machine)
                .picture(
                    folder: invocation.values.text("data-dir"),
                    configuration: invocation.values.list("config"))
        }
        // A single address that nobody is behind is rather a slip of the pen than an outage.
        if picture.servers.count == 1, picture.machine == nil,
            let failure = picture.servers[0].failure
        {
            let hint = picture.servers[0].hint
            throw CLIFailure(
                "Error asking the servers: \(failure)" + (hint.isEmpty ? "" : ": \(hint)"), .unable)
        }
        let diagnosis = Examination(picture: picture).diagnosis()
        let answer = try Answer(
            bytes: JSONWriter.encode(diagnosis), failing: "Error showing the findings")
        try invocation.show(answer) { diagnosis.text(invocation.style) }
        return diagnosis.exitCode
    }
}
