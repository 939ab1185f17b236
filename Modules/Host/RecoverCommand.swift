// SPDX-License-Identifier: Apache-2.0
import MartletServer

/// `martlet operator raft recover`: looks at the data folders of the servers that are left of a lost
/// quorum, and writes what makes them a cluster again. Offline: the servers are stopped.
package struct RecoverCommand: Equatable, Sendable {
    var isDryRun = false
    var isSure = false
    var printsSurvey = false
    var wantsJSON = false
    var template: String?
    var wantsHelp = false
    var directories: [String] = []
    var surveyFiles: [String] = []
    var wish = RecoveryPlan.Wish()

    package static let flagNames = [
        "data-dir", "with", "survey", "dry-run", "yes", "voter", "peer", "json", "t", "help",
    ]

    package static let help = """
        Usage: martlet operator raft recover -data-dir DIR ... [-with FILE ...] [-dry-run]
               martlet operator raft recover -survey -data-dir DIR > FILE

          After a majority of the servers is lost for good, makes a cluster of those that
          are left. Stop them all first. Give the data_dir of each. What a server on another
          machine has comes in a file that -survey prints there.

          It shows where each log ends and what may be lost, asks, and writes peers.json
          into each folder. It refuses when a server that has more than the others is left
          out, and when folders do not belong together.

          -data-dir DIR     the data_dir of a server that is left; several times
          -with FILE        what -survey printed on another machine; several times
          -survey           print what the folder of -data-dir holds, for -with elsewhere
          -dry-run          show what would be done, and write nothing
          -yes              do not ask; needed where there is no terminal
          -voter ID         who votes from now on; several times. Otherwise those who voted
                            until now, and whoever has more than they
          -peer ID=IP:PORT  a server that is left and was not looked at, or the new rpc
                            address of one that was; several times
          -json             print JSON
          -t TEMPLATE       print by a template of Go's form

        Exit status: 0 done, 1 a folder or file cannot be read or written, 2 refused or a
        wrong command line.

        """

    /// Reads the arguments that follow `operator raft recover`.
    package static func parse(
        _ arguments: [String]
    ) throws(ConfigurationFailure) -> RecoverCommand {
        var command = RecoverCommand()
        var flags = FlagReader(arguments, known: flagNames + ["h"])
        while let flag = try flags.next() {
            switch flag.name {
            case "data-dir": command.directories.append(trimmed(try flags.value(of: flag)))
            case "with": command.surveyFiles.append(try flags.value(of: flag))
            case "voter": command.wish.voters.append(try flags.value(of: flag))
            case "peer": command.wish.peers.append(try flags.value(of: flag))
            case "t": command.template = try flags.value(of: flag)
            case "survey": command.printsSurvey = try flag.isOn()
            case "dry-run": command.isDryRun = try flag.isOn()
            case "yes": command.isSure = try flag.isOn()
            case "json": command.wantsJSON = try flag.isOn()
            default: command.wantsHelp = try flag.isOn()
            }
        }
        if !command.wantsHelp { try command.check() }
        return command
    }

    private func check() throws(ConfigurationFailure) {
        guard !directories.isEmpty else {
            let text = "-data-dir is missing: the data_dir of a server that is left"
            throw FlagReader.wrong(
                surveyFiles.isEmpty ? text : text + ", on this machine: -with is for the others")
        }
        guard !printsSurvey || (directories.count == 1 && surveyFiles.isEmpty) else {
            throw FlagReader.wrong("-survey is for one folder: give one -data-dir, and no -with")
        }
        guard !wantsJSON || template == nil else {
            throw FlagReader.wrong("-json and -t exclude each other")
        }
    }

    /// A program reads the answer: nothing else is printed there.
    var isForPrograms: Bool { wantsJSON || template != nil }

    private static func trimmed(_ path: String) -> String {
        var path = path
        while path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }
}
