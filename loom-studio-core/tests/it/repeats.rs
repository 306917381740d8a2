//! What a look-up for duplicates costs: never a read per event that happens to have the same id.

use loom_studio_core::*;

use crate::crash::{open_with, runtime, small};
use crate::sim_disk::{Kind, SimDisk};

const SENDERS: usize = 300;

/// The n-th sender's event with an id; all senders write to one node.
fn event(sender: usize, id: &str) -> Incoming {
    let text = format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"/node/s{sender}","subject":"/node/hub","type":"note"}}"#
    );
    Incoming::Event(text.into())
}

fn options(segment_records: u32) -> FileStoreOptions {
    FileStoreOptions {
        segment_records,
        // Every look at a record is a read.
        cache_bytes: 0,
        ..small()
    }
}

async fn append(store: &FileStore, workspace: &str, items: Vec<Incoming>) -> Appended {
    let batch = AppendBatch {
        workspace: workspace.into(),
        session: "s".into(),
        items,
    };
    store.append(batch).await.unwrap()
}

/// Ids that count up per sender are as common as random ones.
#[test]
fn an_id_that_all_senders_use_costs_no_reads() {
    runtime().block_on(async {
        for segment_records in [50, 100_000] {
            let disk = SimDisk::default();
            let store = open_with(&disk, options(segment_records)).unwrap();
            for sender in 0..SENDERS {
                append(&store, "w", vec![event(sender, "1"), event(sender, "2")]).await;
            }
            let before = disk.calls(Kind::Read);
            for sender in 0..SENDERS {
                let third = append(&store, "w", vec![event(sender, "3")]).await;
                assert_eq!(third.added(), 1);
                let new = append(&store, "w", vec![event(SENDERS + sender, "1")]).await;
                assert_eq!(new.added(), 1);
                let elsewhere = append(&store, "w2", vec![event(sender, "1")]).await;
                assert_eq!(elsewhere.added(), 1);
            }
            let reads = disk.calls(Kind::Read) - before;
            // A few per segment are read rather than told apart by the index.
            assert!(
                reads < 12 * SENDERS,
                "{reads} reads, {segment_records} to a segment"
            );
            for sender in 0..SENDERS {
                let again = append(&store, "w", vec![event(sender, "1"), event(sender, "3")]).await;
                assert_eq!((again.duplicates, again.seqs), (2, None), "{sender}");
            }
        }
    });
}

/// Most runs are short, and who looks at all of them reads each.
#[test]
fn reading_a_short_run_reads_no_further_than_it_goes() {
    const EVENTS: usize = 4_000;
    runtime().block_on(async {
        let disk = SimDisk::default();
        let store = open_with(&disk, options(100_000)).unwrap();
        for start in (0..EVENTS).step_by(500) {
            let items = (start..start + 500).map(|sender| event(sender, "1"));
            append(&store, "w", items.collect()).await;
        }
        let reads = async |seqs: &[Seq]| {
            let before = disk.calls(Kind::Read);
            let records = read_records(&store, seqs).await.unwrap();
            assert_eq!(records.len(), seqs.len());
            disk.calls(Kind::Read) - before
        };
        let (one, two) = (Seq(1_000), Seq(1_002));
        let short = reads(&[one, two]).await;
        let long = reads(&[one, Seq(2_900)]).await;
        assert!(
            long > 4 * short,
            "{short} reads of one, {long} of the other"
        );
    });
}
