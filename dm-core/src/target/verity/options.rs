//! From parameters to a device, and back.

use std::fmt::Write as _;

use crate::component::Component;
use crate::format::verity::{
    ALGORITHMS, Algorithm, BlockSize, Fec, HashType, Roots, Tree, algorithm,
};
use crate::table::{ParamError, Reason};
use crate::target::Build;
use crate::typed::Keyword;
use crate::typed::verity::{self, Params};
use crate::units::SectorCount;

use super::shared::{Checked, Codes, Core};
use crate::target::spelling::{bytes, device, fits, other};

use super::KIND;

/// Bytes that a salt may have.
const SALT_MAX: usize = 256;

/// The device that `params` say, on these components: data, tree, and codes if there are any.
pub(super) fn core(
    build: &Build<'_>,
    params: &Params,
    components: Vec<Component>,
) -> Result<Core, ParamError> {
    let mut components = components.into_iter();
    let (Some(data), Some(hashes)) = (components.next(), components.next()) else {
        return Err(other("a device is missing"));
    };
    if params.options.root_hash_sig_key_desc.is_some() {
        return Err(other(
            "root_hash_sig_key_desc needs a kernel's keyring, and the engine has none",
        ));
    }
    let algorithm = algorithm(&params.algorithm).ok_or_else(unknown_hash)?;
    let tree = tree(params, algorithm)?;
    let root = bytes(&params.root);
    if root.len() != algorithm.digest_size() {
        return Err(other(format!(
            "the root hash has {} bytes, and those of {} have {}",
            root.len(),
            algorithm.name(),
            algorithm.digest_size()
        )));
    }
    let salt = bytes(params.salt.as_deref().unwrap_or_default());
    if salt.len() > SALT_MAX {
        return Err(other("the salt has more than 256 bytes"));
    }
    fits(&data, build.range.length())?;
    fits_blocks(&hashes, tree.hash_block(), tree.end())?;
    let hash = algorithm.salted(hash_type(params), &salt);
    let options = &params.options;
    let codes = match (&options.fec, components.next()) {
        (Some(fec), Some(component)) => Some(codes(fec, &tree, &hashes, component)?),
        _ => None,
    };
    let zero_digest = options.ignore_zero_blocks.then(|| {
        let mut digest = vec![0; algorithm.digest_size()];
        hash.digest(&vec![0; tree.data_block().bytes()], &mut digest);
        digest
    });
    let block = tree.data_block().sectors().0;
    let mapped = build.range.length().0.div_ceil(block);
    let checked = options
        .check_at_most_once
        .then(|| Checked::new(tree.data_blocks().min(mapped)));
    let mut core = Core::new(build.host.clone(), tree, (hash, root), (data, hashes));
    core.codes = codes;
    core.on_corruption = options.on_corruption;
    core.zero_digest = zero_digest;
    core.checked = checked;
    Ok(core)
}

fn unknown_hash() -> ParamError {
    let known: Vec<&str> = ALGORITHMS.iter().map(Algorithm::name).collect();
    let known = known.join(", ");
    Reason::UnknownWord {
        what: "hash",
        known,
    }
    .into()
}

fn hash_type(params: &Params) -> HashType {
    // The parameters' reader takes no other.
    HashType::of(params.version).unwrap_or_default()
}

fn tree(params: &Params, algorithm: &Algorithm) -> Result<Tree, ParamError> {
    let size = |bytes| BlockSize::new(bytes).ok_or_else(|| other("a block's size is none"));
    Tree::new(
        hash_type(params),
        algorithm.digest_size(),
        (size(params.data_block)?, size(params.hash_block)?),
        params.data_blocks,
        params.hash_start,
    )
    .map_err(|error| other(error.to_string()))
}

fn codes(
    fec: &verity::Fec,
    tree: &Tree,
    hashes: &Component,
    component: Component,
) -> Result<Codes, ParamError> {
    if tree.data_block() != tree.hash_block() {
        return Err(other("codes need blocks of one size"));
    }
    let roots = Roots::new(fec.roots).ok_or_else(|| other("kernels take 2 to 24 roots"))?;
    if fec.blocks < tree.data_blocks() + (tree.end() - tree.start()) {
        return Err(other("fec_blocks is less than data and tree together"));
    }
    let start = fec.start;
    let fec = Fec::new(roots, tree.data_block(), fec.blocks);
    let fec = fec.map_err(|error| other(error.to_string()))?;
    let behind = fec.blocks() - tree.data_blocks();
    fits_blocks(hashes, tree.hash_block(), tree.start() + behind)?;
    let end = fec.rounds() * roots.count() as u64;
    let end = start
        .checked_add(end)
        .ok_or_else(|| other("fec_start is too large"))?;
    fits_blocks(&component, tree.data_block(), end)?;
    Ok(Codes {
        fec,
        component,
        start,
    })
}

fn fits_blocks(component: &Component, block: BlockSize, blocks: u64) -> Result<(), ParamError> {
    let end = block.sector_of(blocks);
    let end = end.ok_or_else(|| other("a device would be longer than 64 bits can say"))?;
    fits(component, SectorCount(end.0))
}

/// Spells parameters as a kernel shows them: devices as the opener calls them, digits small.
pub(super) fn spell(params: &mut Params, core: &Core) {
    params.data = device(&core.data);
    params.hash = device(&core.hashes);
    if let (Some(fec), Some(codes)) = (&mut params.options.fec, &core.codes) {
        fec.device = device(&codes.component);
    }
    params.root.make_ascii_lowercase();
    match &mut params.salt {
        Some(salt) if salt.is_empty() => params.salt = None,
        Some(salt) => salt.make_ascii_lowercase(),
        None => {}
    }
}

/// # Source
/// `verity_status` in `drivers/md/dm-verity-target.c`.
pub(super) fn measure(params: &Params, core: &Core, state: &str) -> String {
    let yes = |on| if on { 'y' } else { 'n' };
    let mut text = format!(
        "{},hash_failed={state},verity_version={},data_device_name={},hash_device_name={},\
         verity_algorithm={},root_digest={},salt={},ignore_zero_blocks={},check_at_most_once={}",
        KIND.measured(),
        params.version,
        core.data.number(),
        core.hashes.number(),
        params.algorithm,
        params.root,
        params.salt.as_deref().unwrap_or("-"),
        yes(params.options.ignore_zero_blocks),
        yes(params.options.check_at_most_once),
    );
    if let Some(mode) = params.options.on_corruption {
        // Writing to a string succeeds.
        let _ = write!(text, ",verity_mode={}", mode.text());
    }
    text.push(';');
    text
}
