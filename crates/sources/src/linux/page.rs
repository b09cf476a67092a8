//! The page size: several counters of the kernel are in pages.

use super::file::KeptFile;
use super::parse::{self, Fields};
use crate::roots::Roots;

/// Bytes in a page. For a tree of files it follows from the free memory, which one file gives in
/// kB and another in pages; `None` if the tree does not have both.
pub(crate) fn page_bytes(roots: &Roots) -> Option<u64> {
    if roots.is_real() {
        // SAFETY: sysconf has no preconditions.
        return u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok();
    }
    let mut buffer = Vec::new();
    let meminfo = KeptFile::whole(roots.proc.join("meminfo")).read(&mut buffer).ok()?;
    let (_, free) =
        parse::lines(meminfo).filter_map(parse::keyed).find(|&(key, _)| key == b"MemFree")?;
    let bytes = parse::kilobytes(free)?;
    let vmstat = KeptFile::records(roots.proc.join("vmstat")).read(&mut buffer).ok()?;
    let pages = parse::lines(vmstat).find_map(|line| {
        let mut fields = Fields::new(line);
        (fields.next()? == b"nr_free_pages").then(|| fields.number())?
    })?;
    nearest_page(bytes, pages)
}

/// The two files are of slightly different moments: the page size of Linux that is nearest.
fn nearest_page(bytes: u64, pages: u64) -> Option<u64> {
    let ratio = bytes.checked_div(pages)?;
    [4096, 8192, 16384, 32768, 65536]
        .into_iter()
        .find(|&page| ratio >= page / 4 * 3 && ratio < page / 2 * 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::tree::Tree;

    #[test]
    fn it_follows_from_free_memory() {
        let tree = |free: u64, pages: u64| {
            let tree = Tree::new(&[]);
            tree.write("proc/meminfo", format!("MemTotal: 9 kB\nMemFree:   {free} kB\n"));
            tree.write("proc/vmstat", format!("nr_free_pages {pages}\n"));
            page_bytes(&tree.roots())
        };
        assert_eq!(tree(4_000_000, 1_000_003), Some(4096));
        assert_eq!(tree(4_000_000, 250_300), Some(16384));
        assert_eq!(tree(4_000_000, 62_000), Some(65536));
        for (free, pages) in [(0, 0), (1, 0), (0, 1), (u64::MAX, 1), (1, u64::MAX)] {
            assert_eq!(tree(free, pages), None, "{free} {pages}");
        }
        assert_eq!(page_bytes(&Tree::new(&[]).roots()), None);
        assert!(page_bytes(&Roots::real()).is_some_and(u64::is_power_of_two));
    }
}
