// SPDX-License-Identifier: Apache-2.0
import MartletHTTP
import MartletHarness
import Testing

@testable import MartletServer

@Suite("The web page") struct PageTests {
    private func get(
        _ path: String, _ more: String = "", method: String = "GET", on stage: HTTPStage
    ) -> RawPeer.Talk {
        stage.open("\(method) \(path) HTTP/1.1\r\nHost: a\r\n\(more)\r\n")
    }

    private func stage(_ seed: UInt64, isGuarded: Bool = false) throws -> HTTPStage {
        try HTTPStage(seed: seed) { $0.acl.isEnabled = isGuarded }
    }

    @Test(
        "Anybody gets its files, with their types", arguments: PageFile.allCases, [false, true])
    func files(file: PageFile, isGuarded: Bool) throws {
        let stage = try stage(21, isGuarded: isGuarded)
        let talk = get(file.path, on: stage)
        #expect(talk.statuses == ["200"])
        #expect(talk.text.contains("\r\nContent-Type: \(file.contentType)\r\n"))
        #expect(talk.text.contains("\r\nContent-Length: \(file.bytes.count)\r\n"))
        #expect(Array(talk.answer.suffix(file.bytes.count)) == file.bytes)
    }

    @Test("A token that is none keeps nobody from it, but from its data")
    func badToken() throws {
        let stage = try stage(22, isGuarded: true)
        let token = "X-Nomad-Token: nonsense\r\n"
        #expect(get("/ui/", token, on: stage).statuses == ["200"])
        #expect(get("/v1/operator/raft/configuration", token, on: stage).statuses == ["403"])
    }

    @Test("Whoever asks elsewhere is told where it is", arguments: ["/", "/ui", "/ui?x=1"])
    func elsewhere(path: String) throws {
        let talk = get(path, on: try stage(23))
        #expect(talk.statuses == ["307"])
        #expect(talk.text.contains("\r\nLocation: /ui/\r\n"))
    }

    @Test(
        "Every answer keeps the browser from all but the page and its server",
        arguments: ["/ui/", "/ui/page.css", "/ui/page.js", "/ui", "/"])
    func guards(path: String) throws {
        let text = get(path, on: try stage(24)).text
        for field in [
            "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
                + "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
                + "require-trusted-types-for 'script'; trusted-types 'none'",
            "X-Content-Type-Options: nosniff", "Referrer-Policy: no-referrer",
            "X-Frame-Options: DENY", "Cache-Control: no-cache",
        ] {
            #expect(text.contains("\r\n\(field)\r\n"))
        }
    }

    @Test("Who has it already gets no second copy", arguments: PageFile.allCases)
    func unchanged(file: PageFile) throws {
        let stage = try stage(25)
        let strong = String(file.tag.dropFirst(2))
        for had in [file.tag, strong, "\"old\", \(file.tag)", "*"] {
            let talk = get(file.path, "If-None-Match: \(had)\r\n", on: stage)
            #expect(talk.statuses == ["304"])
            #expect(talk.text.hasSuffix("\r\n\r\n"))
            #expect(talk.text.contains("\r\nETag: \(file.tag)\r\n"))
        }
        for had in ["\"old\"", "", "W/", file.tag + "x"] {
            let talk = get(file.path, "If-None-Match: \(had)\r\n", on: stage)
            #expect(talk.statuses == ["200"])
        }
    }

    @Test("It is read, never written, and nothing lies beside it")
    func onlyRead() throws {
        let stage = try stage(26)
        let head = get("/ui/", method: "HEAD", on: stage)
        #expect(head.statuses == ["200"])
        #expect(head.text.hasSuffix("\r\n\r\n"))
        let post = get("/ui/", "Content-Length: 0\r\n", method: "POST", on: stage)
        #expect(post.statuses == ["405"])
        for path in ["/ui/page.html", "/ui/../ui/", "/ui//", "/ui/page.js/", "/UI/", "/v1/ui/"] {
            #expect(get(path, on: stage).statuses == ["404"], "\(path)")
        }
    }

    @Test("Nothing in it would be refused by its own policy")
    func selfContained() {
        let document = PageText.document
        #expect(!document.contains("<style") && !document.contains(" style="))
        #expect(!document.contains("//") || !document.contains("src=\"http"))
        #expect(document.split(separator: "<script").count == 2)
        #expect(document.contains("<script src=\"/ui/page.js\""))
        for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "document.write"] {
            #expect(!PageText.script.contains(word), "\(word)")
        }
        #expect(!PageText.style.contains("url("))
    }
}
