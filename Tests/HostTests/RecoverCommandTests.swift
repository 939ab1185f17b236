// SPDX-License-Identifier: Apache-2.0
import MartletServer
import Testing

@testable import MartletHost

@Suite("The command line of operator raft recover") struct RecoverCommandTests {
    private func failure(_ arguments: String...) -> ConfigurationFailure? {
        do throws(ConfigurationFailure) {
            _ = try RecoverCommand.parse(arguments)
            return nil
        } catch {
            return error
        }
    }

    @Test("Flags come in all of Go's forms, several times where that makes sense")
    func forms() throws {
        let command = try RecoverCommand.parse([
            "--data-dir=/a/", "-data-dir", "/b", "-voter=1", "-voter", "2", "-peer", "3=x",
            "-dry-run", "-with", "s3.json", "-yes",
        ])
        #expect(command.directories == ["/a", "/b"])
        #expect(command.wish.voters == ["1", "2"])
        #expect(command.wish.peers == ["3=x"])
        #expect(command.surveyFiles == ["s3.json"])
        #expect(command.isDryRun)
        #expect(command.isSure)
        #expect(try !RecoverCommand.parse(["-dry-run=false", "-data-dir", "/a"]).isDryRun)
        #expect(try RecoverCommand.parse(["-h"]).wantsHelp)
    }

    @Test("A wrong command line exits 2 and says what is wrong")
    func wrong() {
        #expect(failure()?.text.contains("-data-dir is missing") == true)
        #expect(failure("-data-dir")?.text.contains("wants a value") == true)
        #expect(failure("-data-dri", "/a")?.text.contains("did you mean -data-dir") == true)
        #expect(failure("/a")?.text.contains("unexpected argument") == true)
        #expect(failure("-data-dir", "/a", "-dry-run=maybe")?.text.contains("maybe") == true)
        #expect(failure()?.exitCode == 2)
        #expect(failure("-with", "a.json")?.text.contains("on this machine") == true)
        #expect(failure("-survey", "-data-dir", "/a", "-data-dir", "/b")?.exitCode == 2)
        #expect(failure("-json", "-t", "{{.}}", "-data-dir", "/a")?.exitCode == 2)
    }
}
