import Foundation
import Glibc
import Synchronization
import Testing
import Workers

/// Run folders among what other users, or dead processes, have put beside them.
@Suite("Run folders")
struct RunFolderTests {
    /// A folder of the test's own, with the means to put things into it and to look what is there.
    final class Place {
        let path: String

        init() throws {
            var template = Array(("/tmp/softpod-place-" + String(repeating: "X", count: 6)).utf8CString)
            #expect(unsafe mkdtemp(&template) != nil)
            path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }

        // The test's own folder; links in it are removed as links.
        deinit { try? FileManager.default.removeItem(atPath: path) }

        /// The path of a run folder of this user that no process has made.
        func runFolder(_ ending: String) -> String { "\(path)/\(RunFolder.prefix)\(ending)" }

        @discardableResult
        func folder(_ path: String, mode: UInt32 = 0o700) -> String {
            #expect(unsafe mkdir(path, 0o700) == 0 && chmod(path, mode) == 0)
            return path
        }

        @discardableResult
        func file(_ path: String, mode: UInt32 = 0o600) -> String {
            let number = unsafe open(path, O_CREAT | O_EXCL | O_WRONLY, 0o600)
            #expect(number >= 0 && fchmod(number, mode) == 0 && close(number) == 0)
            return path
        }

        /// A folder with files under the names a run folder has, for links to lead to.
        func victim() -> String {
            let victim = folder(path + "/victim", mode: 0o755)
            for name in ["agent", "lock", "new"] { file(victim + "/" + name) }
            return victim
        }

        static func exists(_ path: String) -> Bool {
            var info = stat()
            return unsafe lstat(path, &info) == 0
        }

        /// What is in a folder.
        static func names(_ path: String) -> Set<String> {
            guard let directory = unsafe opendir(path) else { return [] }
            defer { unsafe closedir(directory) }
            var names: Set<String> = []
            while let entry = unsafe readdir(directory) {
                let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { start in
                    unsafe start.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
                }
                if name != ".", name != ".." { names.insert(name) }
            }
            return names
        }
    }

    static let isRoot = geteuid() == 0
    static let all: Set<String> = ["agent", "lock", "new"]

    /// A start, which cleans up, and its end.
    private func start(in place: Place) throws { try RunFolder.create(in: place.path).remove() }

    @Test("A folder is made with mode 0700 and a lock whatever the umask, and removed with what is in it, once")
    func life() throws {
        let place = try Place()
        let folder = try RunFolder.create(in: place.path)
        #expect(folder.path.hasPrefix(place.path + "/" + RunFolder.prefix))
        #expect(folder.address == "ipc://\(folder.path)/agent")
        var info = stat()
        #expect(unsafe lstat(folder.path, &info) == 0 && info.st_mode & 0o7777 == 0o700)
        #expect(Place.names(folder.path) == ["lock"])
        place.file(folder.path + "/agent")
        // Another start leaves the living alone.
        try start(in: place)
        #expect(Place.names(folder.path) == ["lock", "agent"])
        folder.remove()
        #expect(Place.names(place.path) == [])
        // The name may be another's by now.
        place.folder(folder.path)
        place.file(folder.path + "/agent")
        folder.remove()
        #expect(Place.names(folder.path) == ["agent"])
    }

    @Test(
        "What a dead process has left goes, however far it had come",
        arguments: [[], ["new"], ["lock"], ["lock", "agent"]])
    func abandoned(names: [String]) throws {
        let place = try Place()
        let left = place.folder(place.runFolder("AAAAAA"))
        for name in names { place.file(left + "/" + name) }
        try start(in: place)
        #expect(Place.names(place.path) == [])
        // By its path, as ranks do that see their agent die.
        place.folder(left)
        for name in names { place.file(left + "/" + name) }
        RunFolder.remove(left)
        #expect(Place.names(place.path) == [])
    }

    @Test("A lock that is held keeps a folder, under either name", arguments: ["new", "lock"])
    func held(name: String) throws {
        let place = try Place()
        let living = place.folder(place.runFolder("CCCCCC"))
        place.file(living + "/agent")
        let lock = unsafe open(place.file(living + "/" + name), O_RDWR)
        #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
        try start(in: place)
        RunFolder.remove(living)
        #expect(Place.names(living) == ["agent", name])
        close(lock)
        try start(in: place)
        #expect(Place.names(place.path) == [])
    }

    @Test("A link in a run folder's place leads nowhere: what it names is not touched")
    func plantedLink() throws {
        let place = try Place()
        let victim = place.victim()
        let link = place.runFolder("EVILaa")
        #expect(unsafe symlink(victim, link) == 0)
        try start(in: place)
        RunFolder.remove(link)
        RunFolder.remove(link + "/")
        #expect(Place.names(victim) == Self.all)
        #expect(Place.exists(link))
    }

    @Test("A link in the lock's place is not followed, and the folder stays", arguments: ["lock", "new"])
    func linkedLock(name: String) throws {
        let place = try Place()
        let victim = place.victim()
        let folder = place.folder(place.runFolder("EVILbb"))
        place.file(folder + "/agent")
        #expect(unsafe symlink(victim + "/lock", folder + "/" + name) == 0)
        try start(in: place)
        RunFolder.remove(folder)
        #expect(Place.names(victim) == Self.all)
        #expect(Place.names(folder) == ["agent", name])
    }

    @Test("A socket that is a link is removed as a link")
    func linkedSocket() throws {
        let place = try Place()
        let victim = place.victim()
        let folder = place.folder(place.runFolder("EVILcc"))
        place.file(folder + "/lock")
        #expect(unsafe symlink(victim + "/agent", folder + "/agent") == 0)
        try start(in: place)
        #expect(!Place.exists(folder))
        #expect(Place.names(victim) == Self.all)
    }

    @Test("A lock that is a pipe, a folder or a socket does not hang a start, and the folder stays")
    func strangeLocks() throws {
        let place = try Place()
        let pipe = place.folder(place.runFolder("PIPEaa"))
        #expect(unsafe mkfifo(pipe + "/lock", 0o600) == 0)
        let folder = place.folder(place.runFolder("FOLDER"))
        place.folder(folder + "/lock")
        try start(in: place)
        #expect(Place.names(pipe) == ["lock"] && Place.names(folder) == ["lock"])
    }

    @Test("A folder with another mode than ours is not one of ours", arguments: [0o755, 0o777, 0o770, 0o500, 0o701])
    func modes(mode: UInt32) throws {
        let place = try Place()
        let folder = place.folder(place.runFolder("MODEaa"))
        place.file(folder + "/lock")
        #expect(unsafe chmod(folder, mode) == 0)
        try start(in: place)
        RunFolder.remove(folder)
        #expect(unsafe chmod(folder, 0o700) == 0)
        #expect(Place.names(folder) == ["lock"])
    }

    @Test(
        "A folder or a lock of another user is left alone", .enabled(if: isRoot, "needs root"),
        arguments: [true, false])
    func owners(isFolder: Bool) throws {
        let place = try Place()
        let folder = place.folder(place.runFolder("OWNERa"))
        let lock = place.file(folder + "/lock")
        #expect(unsafe chown(isFolder ? folder : lock, 65_534, 65_534) == 0)
        try start(in: place)
        RunFolder.remove(folder)
        #expect(Place.names(folder) == ["lock"])
    }

    @Test("What else is in an abandoned folder stays, and so does the folder")
    func otherFiles() throws {
        let place = try Place()
        let folder = place.folder(place.runFolder("OTHERa"))
        for name in ["lock", "agent", "precious"] { place.file(folder + "/" + name) }
        try start(in: place)
        #expect(Place.names(folder) == ["precious"])
    }

    @Test(
        "What is not called like a run folder of this user is left alone",
        arguments: ["victim", "softpod-", "softpod-x-A"])
    func foreignNames(name: String) throws {
        let place = try Place()
        let folder = place.folder(place.path + "/" + name)
        for name in Self.all { place.file(folder + "/" + name) }
        try start(in: place)
        RunFolder.remove(folder)
        RunFolder.remove("/nowhere/at/all")
        RunFolder.remove("")
        #expect(Place.names(folder) == Self.all)
    }

    @Test("A name that leads elsewhere by the time of removing costs nothing there", arguments: [true, false])
    func replaced(isLink: Bool) throws {
        let place = try Place()
        let victim = place.victim()
        let folder = try RunFolder.create(in: place.path)
        place.file(folder.path + "/agent")
        let moved = place.path + "/moved"
        #expect(unsafe rename(folder.path, moved) == 0)
        if isLink { #expect(unsafe symlink(victim, folder.path) == 0) } else { place.folder(folder.path) }
        folder.remove()
        #expect(Place.names(victim) == Self.all)
        #expect(Place.exists(folder.path))
        // What it held went relative to the opened folder.
        #expect(Place.names(moved) == [])
    }

    @Test("Starts that clean up after each other all get a folder")
    func race() throws {
        let place = try Place()
        let path = place.path
        let failures = Mutex<[String]>([])
        let workers = try (0..<6).map { number in
            try Worker.start(name: "start \(number)") {
                for _ in 0..<100 {
                    do {
                        let folder = try RunFolder.create(in: path)
                        if !Place.exists(folder.path + "/lock") { throw SystemError(rule: "its lock is gone") }
                        folder.remove()
                    } catch { failures.withLock { $0.append("\(error)") } }
                }
            }
        }
        for worker in workers { worker.join() }
        #expect(failures.withLock { $0 } == [])
        #expect(Place.names(path) == [])
    }

    @Test(
        "A place where others may rename what is ours is passed over",
        arguments: [
            (0, 0o1777, 1000, false, true), (1000, 0o700, 1000, false, true), (1000, 0o755, 1000, false, true),
            (0, 0o777, 1000, false, false), (0, 0o777, 0, false, false), (1000, 0o770, 1000, false, false),
            (1000, 0o1770, 1000, false, true), (1001, 0o1777, 1000, false, false), (1001, 0o700, 0, false, false),
            (65_534, 0o1777, 0, true, true), (65_534, 0o1777, 0, false, false), (65_534, 0o777, 0, true, false),
        ] as [(UInt32, UInt32, UInt32, Bool, Bool)])
    func places(owner: UInt32, mode: UInt32, user: UInt32, hasStrangers: Bool, isFit: Bool) {
        let obstacle = RunFolderPlace.obstacle(owner: owner, mode: mode, user: user, hasStrangers: hasStrangers)
        #expect((obstacle == nil) == isFit, "\(obstacle ?? "nothing")")
    }

    @Test("No folder is made in a place that is not fit, and the error says why")
    func unfit() throws {
        let place = try Place()
        #expect(unsafe chmod(place.path, 0o777) == 0)
        let error = #expect(throws: SystemError.self) { try RunFolder.create(in: place.path) }
        #expect(error?.description.contains("mode 777, without the sticky bit") == true)
        #expect(Place.names(place.path) == [])
    }

    @Test("What is kept goes to a new file of mode 0600 under a name of its own")
    func kept() throws {
        let place = try Place()
        let paths = try (0..<3).map { _ in
            try #require(RunFolder.keep([1, 2, 3], name: "log", ending: ".log", in: place.path))
        }
        #expect(Set(paths).count == 3)
        for path in paths {
            var info = stat()
            #expect(unsafe lstat(path, &info) == 0 && info.st_mode & 0o777 == 0o600 && info.st_size == 3)
        }
        #expect(RunFolder.keep([1], name: "log", ending: ".log", in: place.path + "/nowhere") == nil)
    }
}
