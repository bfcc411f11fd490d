"""The commands of the command line: what each one does, takes and prints, and its file.

A command's file is imported when it runs: JAX takes a second to load, and a mistyped flag must be
reported at once.
"""

from jaxvid.cli.command import Mode

MODES = {
    "train": Mode(
        "train, or continue a run, then evaluate and report",
        arguments="CONFIG",
        examples=(
            "train li3d_bilstm",
            "train li3d_bilstm:folder,scale=small --config.data.root=my_videos",
            "train st_gcn:folder,scale=small --config.data.root=my_poses",
            "train i3d:ucf101,split=1 --config.data.root=/data/UCF101 --workdir=runs/try1",
        ),
        continues=True,
        distributes=True,
    ),
    "eval": Mode(
        "evaluate the model of a run and report",
        module="evaluate",
        arguments="RUN",
        examples=("eval runs/try1", "eval runs/try1 --config.eval.views=10"),
        continues=True,
        distributes=True,
    ),
    "crossval": Mode(
        "train and test every fold of a dataset, or continue that",
        arguments="CONFIG",
        flags={"seeds": "random seeds, with each of which every fold is trained"},
        examples=(
            "crossval li3d_bilstm --config.data.folds=5",
            "crossval li3d_bilstm:folder,scale=small --seeds=0,1,2 --config.data.folds=5 \\\n"
            "      --config.data.root=my_videos --config.data.validation=0.2",
        ),
        suffix="-folds",
        continues=True,
    ),
    "heads": Mode(
        "compare heads on the features of a frozen backbone, over folds and seeds",
        arguments="CONFIG",
        flags={
            "seeds": "random seeds, with each of which every fold is trained",
            "heads": "names of the heads, the one to compare with first; by default all",
            "against": "folder of another comparison, with whose first head to compare",
        },
        examples=(
            "heads li3d:csv,init=li3d_kinetics400,train=head --seeds=0,1,2 \\\n"
            "      --config.data.folds=-1 --config.data.root=labels.csv",
        ),
        suffix="-heads",
        continues=True,
    ),
    "report": Mode(
        "draw the figures of an evaluated run and write its report.html",
        arguments="RUN [OTHER_RUN ...]",
        flags={"classes": "A,B,C: classes of the second t-SNE figure"},
        examples=("report runs/try1", "report runs/try1 runs/try2 --classes=SitDown,StandUp"),
        needs_config=False,
    ),
    "predict": Mode(
        "label videos, folders of videos, a camera or a stream",
        arguments="RUN VIDEO|FOLDER|webcam:N ...",
        flags={
            "output": "new .csv or .json file for the labels",
            "top": "labels to show for each video",
            "timeline": "label every window of a long video (config.windows)",
            "annotate": "folder for copies of the videos with the labels drawn on them",
        },
        examples=(
            "predict runs/try1 clip.mp4 folder/ --output=labels.csv",
            "predict runs/try1 match.mp4 --timeline --annotate=labelled",
            "predict runs/try1 webcam:0",
        ),
    ),
    "features": Mode(
        "write the features of every window of videos, one file for each video",
        arguments="RUN VIDEO|FOLDER ...",
        flags={"output": "folder for the files"},
        examples=("features runs/try1 folder/ --output=features",),
        continues=True,
        distributes=True,
    ),
    "search": Mode(
        "find the videos most similar to a query; without a query, near duplicates",
        arguments="RUN [QUERY_VIDEO ...]",
        flags={
            "features": "folder that the command features wrote",
            "similarity": "cosine similarity from which two videos are near duplicates",
            "top": "videos to show for each query",
            "output": "new .csv file for the table",
        },
        examples=(
            "search runs/try1 --features=features query.mp4",
            "search runs/try1 --features=features --similarity=0.95",
        ),
    ),
    "export": Mode(
        "write the network of a run as a program that runs without this package",
        arguments="RUN",
        flags={"output": "new folder for the program"},
        examples=("export runs/try1 --output=exported",),
    ),
    "prepare": Mode(
        "decode the videos of a dataset into records and report on them",
        arguments="CONFIG",
        flags={"output": "new .json or .txt file for the report"},
        examples=(
            "prepare li3d_bilstm:ucf101 --config.data.root=/data/UCF101",
            "prepare li3d:folder --config.data.root=my_videos --config.data.check_only=true",
        ),
        continues=True,
        distributes=True,
    ),
    "preview": Mode(
        "draw the first training clips as the model sees them, to preview.png in the workdir",
        arguments="CONFIG",
        examples=("preview li3d_bilstm:folder,scale=small --config.data.root=my_videos",),
    ),
    "convert": Mode(
        "make a run of the published weights that config.init names",
        arguments="CONFIG",
        flags={"class_names": "text file with the name of one class in each line"},
        examples=(
            "convert i3d:kinetics --class_names=kinetics400.txt --workdir=runs/i3d \\\n"
            "      --config.init.source=i3d_pytorch --config.init.path=rgb_imagenet.pt",
        ),
    ),
    "distill": Mode(
        "make an LI3D of a run's I3D, fitted to unlabelled videos",
        arguments="RUN VIDEO|FOLDER ...",
        flags={"output": "new folder for the run of the LI3D"},
        examples=("distill i3d_kinetics400 my_videos --output=runs/li3d",),
    ),
    "count": Mode(
        "print the parameters and FLOPs of a network; requires no dataset and no training",
        arguments="CONFIG",
        flags={"num_classes": "number of classes, where the dataset does not determine it"},
        examples=("count deep_fusion:ucf101", "count runs/try1"),
    ),
    "fuse": Mode(
        "average the scores of evaluated runs and write the results to OUT",
        arguments="OUT RUN RUN ...",
        examples=("fuse runs/two_stream runs/vgg16_rgb-embedded runs/vgg16_flow-embedded",),
        needs_config=False,
    ),
}

# Commands that read their arguments themselves: main(arguments) of the file of their name.
TOOLS = {
    "ablate": (
        "TABLE [TABLE ...] [flags]",
        "train the rows of the papers' tables and write each table (jaxvid ablate --help)",
    ),
    "configs": ("", "list the configs that come with jaxvid"),
    "fields": ("[SECTION]", "list the fields of a config, or of a section, with their defaults"),
    "help": ("[COMMAND]", "show the flags and examples of a command"),
}
