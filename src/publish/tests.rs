//! Killed at every rename, sync and removal: the old state or the new one is there, and the next command leaves nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::fault::killed_at;
use super::system::WITHOUT_EXCHANGE;
use super::*;

/// The texts of all files below `folder`, except lists.
fn tree(folder: &Path) -> BTreeMap<String, String> {
    fn add(folder: &Path, prefix: &str, all: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => add(&entry.path(), &format!("{name}/"), all),
                kind if kind.is_symlink() => drop(all.insert(name, "a link".into())),
                _ if name.ends_with(LIST) => {}
                _ => drop(all.insert(name, fs::read_to_string(entry.path()).unwrap())),
            }
        }
    }
    let mut all = BTreeMap::new();
    add(folder, "", &mut all);
    all
}

fn texts(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A whole command: it cleans up, then publishes a folder with these files.
fn publish(target: &Path, files: &[(&str, &str)]) -> Result<Published, PublishError> {
    remove_stale(target.parent().unwrap());
    let draft = Draft::new(target, Kind::Run)?;
    files.iter().for_each(|(name, text)| write(&draft.path().join(name), text));
    draft.publish(target, |standing| *standing != Standing::Foreign)
}

const ONE: [(&str, &str); 3] = [("records", "one"), ("figures/a", "one, a"), ("figures/b", "one, b")];
const TWO: [(&str, &str); 3] = [("records", "two"), ("figures/a", "two, a"), ("table", "two, table")];
/// What the user has added to the first folder; the second has a file of the same name as one of these.
const NOTES: [(&str, &str); 4] = [("note", "mine"), ("figures/mine", "mine"), ("deep/er/note", "mine"), ("table", "mine")];

#[test]
fn a_new_folder_is_whole_or_absent_wherever_it_is_killed() {
    let mut kills = 0;
    for point in 0.. {
        let at = tempfile::tempdir().unwrap();
        let target = at.path().join("run");
        let done = killed_at(point, || publish(&target, &ONE).unwrap()).is_some();
        assert!(!target.exists() || tree(&target) == texts(&ONE), "point {point}");
        assert!(!target.exists() || List::read(&target).unwrap().is_whole(&target), "point {point}");
        publish(&target, &TWO).unwrap();
        assert_eq!((tree(&target), names(at.path())), (texts(&TWO), vec!["run".to_string()]), "point {point}");
        if done {
            break;
        }
        kills += 1;
    }
    assert!(kills > 10, "only {kills}");
}

#[test]
fn a_folder_is_replaced_at_once_and_what_others_put_there_stays_wherever_it_is_killed() {
    for exchange in [true, false] {
        WITHOUT_EXCHANGE.set(!exchange);
        let mut kills = 0;
        for point in 0.. {
            let at = tempfile::tempdir().unwrap();
            let target = at.path().join("run");
            publish(&target, &ONE).unwrap();
            NOTES.iter().for_each(|(name, text)| write(&target.join(name), text));
            let done = killed_at(point, || publish(&target, &TWO).unwrap());

            // With an exchange the name refers to a run at every moment.
            assert!(!exchange || target.exists(), "point {point}");
            if target.exists() {
                let found = tree(&target);
                let run = if found["records"] == "one" { &ONE[..] } else { &TWO[..] };
                assert!(texts(run).into_iter().all(|(name, text)| found.get(&name) == Some(&text)), "point {point}: {found:?}");
            }
            // Whatever command comes next, it leaves a whole run, the notes, and nothing else.
            remove_stale(at.path());
            let found = tree(&target);
            let (run, table) = if found["records"] == "one" { (&ONE[..], "table") } else { (&TWO[..], "table.kept") };
            let mut expected = texts(&[run, &NOTES[..3]].concat());
            expected.insert(table.into(), "mine".into());
            assert_eq!((found, names(at.path())), (expected, vec!["run".to_string()]), "point {point}, exchange {exchange}");
            if let Some(published) = done {
                assert_eq!(published.moved, [target.join("table.kept")]);
                break;
            }
            kills += 1;
        }
        assert!(kills > 20, "only {kills}");
    }
    WITHOUT_EXCHANGE.set(false);
}

/// As `figures` does: its files are added and removed, those of others stay.
#[test]
fn a_shelf_holds_whole_files_and_leaves_those_of_others_wherever_it_is_killed() {
    let put = |folder: &Path, files: &[(&str, &str)]| {
        let shelf = Shelf::open(folder)?;
        let stage = shelf.stage()?;
        files.iter().for_each(|(name, text)| write(&stage.path().join(name), text));
        shelf.publish(stage, |name| name.starts_with("figures/"))
    };
    let mut kills = 0;
    for point in 0.. {
        let at = tempfile::tempdir().unwrap();
        let folder = at.path().join("shelf");
        put(&folder, &ONE).unwrap();
        write(&folder.join("figures/mine"), "mine");
        let done = killed_at(point, || put(&folder, &TWO).unwrap()).is_some();
        for (name, text) in tree(&folder).iter().filter(|(name, _)| !name.contains(PARTIAL)) {
            let whole = [&ONE[..], &TWO[..], &[("figures/mine", "mine")][..]].concat();
            assert!(whole.contains(&(name, text)), "point {point}: {name}: {text}");
        }
        put(&folder, &TWO).unwrap();
        let expected = texts(&[&TWO[..], &[("figures/mine", "mine")][..]].concat());
        assert_eq!(tree(&folder), expected, "point {point}");
        assert_eq!(names(&folder), [LIST, "figures", "records", "table"], "point {point}");
        if done {
            break;
        }
        kills += 1;
    }
    assert!(kills > 15, "only {kills}");
}

#[test]
fn drafts_of_live_processes_stay() {
    let at = tempfile::tempdir().unwrap();
    let draft = Draft::new(&at.path().join("run"), Kind::Run).unwrap();
    let file = lock::FileDraft::new(at.path()).unwrap();
    remove_stale(at.path());
    assert!(draft.path().is_dir() && file.path.is_file());
    // What looks like a draft but is not ours stays, too.
    let other = at.path().join(format!("{PARTIAL}other"));
    write(&other.join("thesis"), "mine");
    drop((draft, file));
    remove_stale(at.path());
    assert_eq!(names(at.path()), [format!("{PARTIAL}other")]);
    // A lock that names another place is not followed.
    write(&other.join("lock"), "../../elsewhere");
    remove_stale(at.path());
    assert!(other.join("thesis").exists());
}

#[test]
fn what_others_have_written_is_not_overwritten() {
    let at = tempfile::tempdir().unwrap();
    write(&at.path().join("sweep.json"), "mine");
    let shelf = Shelf::open(at.path()).unwrap();
    assert!(matches!(shelf.check(["sweep.json"]), Err(PublishError::NotOurs(_))));
    assert!(matches!(shelf.check(["../sweep.json"]), Err(PublishError::NotOurs(_))));
    let stage = shelf.stage().unwrap();
    stage.write_text("sweep.json", "new").unwrap();
    stage.write_text("sweep.parquet", "new").unwrap();
    assert!(matches!(shelf.publish(stage, |_| true), Err(PublishError::NotOurs(_))));
    assert_eq!(tree(at.path()), texts(&[("sweep.json", "mine")]));
    assert!(matches!(create_text(&at.path().join("sweep.json"), "new"), Err(PublishError::Io { .. })));
    assert_eq!(tree(at.path()), texts(&[("sweep.json", "mine")]));
}

#[test]
fn a_list_that_leads_out_of_its_folder_is_none() {
    let at = tempfile::tempdir().unwrap();
    for name in ["../victim", "/etc/passwd", "a/../../victim", ""] {
        let mut list = List::new(Kind::Run);
        list.files.insert(name.into(), 0);
        list.write(at.path()).unwrap();
        assert_eq!(List::read(at.path()), None, "{name}");
    }
    fs::write(at.path().join(LIST), "[".repeat(10_000)).unwrap();
    assert_eq!(List::read(at.path()), None);
}

/// A user's link in place of one of our folders: what it leads to is not touched, and the link stays.
#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    let at = tempfile::tempdir().unwrap();
    let (run, victims) = (at.path().join("run"), at.path().join("victims"));
    write(&victims.join("a"), "mine");
    let link = || {
        publish(&run, &ONE).unwrap();
        fs::rename(run.join("figures"), at.path().join("moved")).unwrap();
        std::os::unix::fs::symlink(&victims, run.join("figures")).unwrap();
    };
    link();
    let shelf = Shelf::open(&run).unwrap();
    let stage = shelf.stage().unwrap();
    write(&stage.path().join("figures/c"), "new");
    assert!(matches!(shelf.publish(stage, |_| true), Err(PublishError::NotAFolder(_))));
    let published = publish(&run, &TWO).unwrap();
    assert_eq!(published.moved, [run.join("figures.kept")]);
    assert_eq!(tree(&run), texts(&[&TWO[..], &[("figures.kept", "a link")][..]].concat()));
    assert_eq!(tree(&victims), texts(&[("a", "mine")]));
}

#[test]
fn a_folder_that_may_no_longer_be_replaced_leaves_the_complete_one_beside_it() {
    let at = tempfile::tempdir().unwrap();
    let target = at.path().join("run");
    let draft = Draft::new(&target, Kind::Run).unwrap();
    write(&draft.path().join("records"), "one");
    // In the meantime.
    write(&target.join("thesis"), "mine");
    match draft.publish(&target, |standing| *standing != Standing::Foreign) {
        Err(PublishError::Beside { path, .. }) => assert_eq!(path, at.path().join("run-2")),
        other => panic!("{other:?}"),
    }
    assert_eq!(tree(at.path()), texts(&[("run/thesis", "mine"), ("run-2/records", "one")]));
}

/// One at a time, and free again once it goes, or its process was killed.
#[test]
fn what_is_held_is_free_again_afterwards() {
    let at = tempfile::tempdir().unwrap();
    let path = at.path().join("r".repeat(250));
    let hold = |path: &Path| Hold::of(path).unwrap();
    let first = hold(&path);
    assert!(first.is_some() && hold(&path).is_none());
    // A command that cleans up there leaves it, and other names are free.
    remove_stale(at.path());
    assert!(hold(&path).is_none() && hold(&at.path().join("other")).is_some());
    drop(first);
    assert_eq!(fs::read_dir(at.path()).unwrap().count(), 0);
    let left = hold(&path).unwrap();
    let file = fs::read_dir(at.path()).unwrap().next().unwrap().unwrap().path();
    drop(left);
    fs::write(&file, "").unwrap();
    assert!(hold(&path).is_some());
    remove_stale(at.path());
    assert!(!file.exists());
}
