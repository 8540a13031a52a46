//! How much memory this process may still take: the smallest of what the machine has available, what its control groups leave and what its
//! limit on address space leaves.

use std::fs;
use std::path::Path;

/// Bytes that this process may still take; `None` where the system does not say (anything but Linux).
pub fn free_memory() -> Option<u64> {
    let available = meminfo(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let groups = fs::read_to_string("/proc/self/cgroup").map_or(Vec::new(), |groups| group_folders(&groups));
    let left = groups.iter().filter_map(|(folder, names)| left_in(Path::new(folder), *names));
    Some(left.chain(address_space()).fold(available, u64::min))
}

/// `MemAvailable`: free memory, and caches that can be reclaimed.
fn meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// The files in which a control group states its limit and its use.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Names {
    limit: &'static str,
    used: &'static str,
    /// The entry of `memory.stat` that counts caches that can be reclaimed.
    cache: &'static str,
}

const SECOND: Names = Names { limit: "memory.max", used: "memory.current", cache: "inactive_file" };
const FIRST: Names = Names { limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes", cache: "total_inactive_file" };

/// The folders of the groups of this process, and of all groups that contain them, from `/proc/self/cgroup`.
fn group_folders(text: &str) -> Vec<(String, Names)> {
    let mut folders = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let (root, names) = match controllers {
            "" => ("/sys/fs/cgroup", SECOND),
            list if list.split(',').any(|controller| controller == "memory") => ("/sys/fs/cgroup/memory", FIRST),
            _ => continue,
        };
        // The limit of an outer group holds for the inner ones. Inside a container the outermost may be mounted at the root itself.
        for group in Path::new(path).ancestors() {
            let inner = group.strip_prefix("/").unwrap_or(group);
            folders.push((Path::new(root).join(inner).display().to_string(), names));
        }
    }
    folders
}

/// The bytes that a group leaves; `None` where it has no limit.
fn left_in(folder: &Path, names: Names) -> Option<u64> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
    let (limit, used) = (number(names.limit)?, number(names.used)?);
    let stat = read("memory.stat").unwrap_or_default();
    let cache = stat.lines().find_map(|line| line.strip_prefix(names.cache)?.trim().parse().ok()).unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(cache)))
}

/// The bytes that `ulimit -v` leaves.
fn address_space() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let used = status.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    let used: u64 = used.split_whitespace().next()?.parse().ok()?;
    Some(limit.saturating_sub(used * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read_in_kibibytes() {
        assert_eq!(meminfo("MemTotal: 9 kB\nMemAvailable:   22539132 kB\n"), Some(22_539_132 * 1024));
        assert_eq!(meminfo("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn groups_are_found_with_those_they_are_in() {
        let folders = group_folders("4:cpu,memory:/a/b\n2:pids:/x\n0::/c\n");
        let paths: Vec<&str> = folders.iter().map(|(folder, _)| folder.trim_end_matches('/')).collect();
        let first = ["/sys/fs/cgroup/memory/a/b", "/sys/fs/cgroup/memory/a", "/sys/fs/cgroup/memory"];
        assert_eq!(paths, [&first[..], &["/sys/fs/cgroup/c", "/sys/fs/cgroup"]].concat());
        assert_eq!((folders[0].1, folders[3].1), (FIRST, SECOND));
    }

    #[test]
    fn a_group_leaves_its_limit_less_what_cannot_make_room() {
        let group = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(group.path().join(name), text).unwrap();
        write("memory.max", "max\n");
        write("memory.current", "700\n");
        assert_eq!(left_in(group.path(), SECOND), None);
        write("memory.max", "1000\n");
        write("memory.stat", "anon 400\ninactive_file 300\n");
        assert_eq!(left_in(group.path(), SECOND), Some(600));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_some_memory_free() {
        assert!(free_memory().is_some_and(|free| free > 1 << 20));
    }
}
